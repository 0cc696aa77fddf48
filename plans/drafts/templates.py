"""Texts of rig, method and reaction files, in which `rig` fills the answers."""

REACTION = """\
# What reacts in the emulated reactor, for rehearsals: orders of magnitude do.

title       = {title}
temperature = 25                # degC: reference of every k that has no "at" of its own
species     = {species}

{steps}
[streams]                       # mM; names and stocks are those of the rig file
{streams}

[peaks]                         # by the names of the HPLC method
{peaks}
{choices}
[noise]                         # of one experiment: guesses
extent   = 0.02                 # SD of ln(time to react)
fraction = 0.001                # SD of a share X of all that is seen: fraction + relative X
relative = 0.005
"""

METHOD = """\
# What a chromatogram holds. Shapes and responses are guesses: compare them with your own traces,
# and find the responses with  reactune calibrate

title = {title}
unit  = {unit:<23} # of the signal; V and mV: light, which falls under a peak
{signal}rate  = {rate:<23} # Hz, of a rig's meter, and of traces without times
start = {start:<23} # min: nothing before is evaluated

{peaks}"""

SIGNALS = {  # by unit, what else a method has to say of the signal
    "mAU": "",
    "AU": "",
    "V": "lamp  = 10                      # V through pure eluent: measure yours\n",
    "mV": "lamp  = 1000                    # mV through pure eluent: measure yours\n",
    "counts": "per_au = 1e6                    # counts of one AU: the detector's manual says it\n",
}

PEAK = """\
{head}
name     = {name}
time     = {time:<20} # min
window   = {window:<20} # min
width    = {width:<20} # min, SD: 0.42 of the width at half height
tail     = {tail:<20} # min
response = {response:<20} # AU min / mM: a guess until `reactune calibrate`
"""

STREAM = """\
[streams.{name}]
transport      = "pumps"
protocol       = "harvard11"
address        = {address}
stock          = {stock:<14} # mM
diameter       = 22.5           # mm, 20 mL gas-tight glass
syringe_volume = 20000          # uL
limits         = {limits:<14} # uL/min
dead_volume    = 200            # uL that cannot be delivered
flask_volume   = 1000000        # uL to refill from, through check valves; 0: never
refill_rate    = {refill:<14} # uL/min
"""

BY_VALVE = """
[choices.{name}] # a selector valve behind the pump, a coil at each position
stream      = {stream}
positions   = {positions}
volume      = {volume:<17} # uL in each coil, enough to rehearse: enter yours
line_volume = 50                # uL from the valve to the mixer, rinsed out after a change: a guess

[choices.{name}.valve]
transport = {transport}
protocol  = "vici"
timeout   = 10                  # s
"""

BY_STREAMS = """
[choices.{name}] # a pump for each: one runs, the others stand still
streams     = {streams}
line_volume = 50                # uL from where they meet to the mixer, rinsed out: a guess
"""

KINETICS = """
[choices.{name}] # rate constants that differ: k in the units of its step, E in kJ/mol
{options}
"""

TRANSPORTS = {
    "pumps": "{ baudrate = 115200 }",
    "heater": "{ baudrate = 9600 }",
    "valve": "{ baudrate = 9600 }",
    "detector": "{ baudrate = 9600, bytesize = 8, stopbits = 2 }",
}
SELECTOR = TRANSPORTS["valve"]

RIG = """\
# An emulated rig, to rehearse on. Streams, volumes and peaks are yours; look through the rest.

schema = 1
title  = {title}
stabilisation_residence_times = {steady:<3} # of the heated volume, before a sample is taken

# Ports. Real hardware: add  url = "/dev/serial/by-id/..."  or  "socket://host:port"  to each,
# and delete [emulation] below.
[transports]
{transports}

{streams}
[heater]
transport = "heater"
protocol  = "eurotherm3216"
address   = 1
limits    = {limits:<19} # degC
maximum   = {maximum:<19} # degC, above: fault
safe      = {safe:<19} # degC
tolerance = 0.5                 # degC
settle    = 60                  # s within the tolerance
timeout   = 3600                # s to get there

[valve]
transport = "valve"
protocol  = "vici"
load      = "A"
timeout   = 3                   # s
{choices}
[detector]
transport = "detector"
protocol  = "scpi"
range     = 10                  # V

[reactor]
heated_volume = {heated:<15} # uL
total_volume  = {total:<15} # uL
loop_volume   = 2               # uL
flush_loops   = 10              # loop volumes before an injection

[emulation]
transport = "pty"
clock     = "simulated"
reaction  = {reaction}  # the reaction file

[chromatogram]                  # shapes and responses of the peaks are guesses
duration = {duration:<20} # s
{chromatogram}"""
