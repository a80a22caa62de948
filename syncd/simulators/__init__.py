"""Simulated servers over real sockets, for `syncd demo`, tests and a technician's dry run.

They keep state, follow the contracts and recordings, and share no code with the clients.
"""
