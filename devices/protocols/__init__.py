"""What goes over the lines: ports, codecs and drivers; nothing here knows ophyd."""
