"""What answers beside the journals: `store` is the contract, `table` the stores there are.

`embedded` and `remote` are Tiled, in this process and on a server; `journal_only` is none.
"""
