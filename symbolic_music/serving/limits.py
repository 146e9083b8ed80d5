"""How much a server takes in and for how long it works on it. Knows nothing of music or HTTP."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ServerLimits:
    """What one request may cost; every bound is inclusive.

    Attributes:
        body_bytes: longest body of a request.
        file_bytes: longest music file in one.
        body_seconds: for a body to arrive in.
        job_seconds: from the moment that a model begins.
        waiting: requests that wait for one model.
        waiting_of_client: of them, those of one client.
        bars: of a piece that is given.
        notes: of a piece that is given.
        memory: MiB that a process may take beyond what its model holds; held to on Linux only.
    """

    body_bytes: int = 8 * 2**20
    file_bytes: int = 4 * 2**20
    body_seconds: float = 30.0
    job_seconds: float = 120.0
    waiting: int = 256
    waiting_of_client: int = 16
    bars: int = 2_000
    notes: int = 50_000
    memory: int = 3_072

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(f"{name} is {value}; expected more than 0")
