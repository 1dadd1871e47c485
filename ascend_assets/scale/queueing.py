"""How long work waits for one of several servers that are alike.

Here belong formulas, in any unit of time that is used throughout. Not here: cards, days, or the simulation, which is
tested against these.
"""

import math

MAX_SERVERS = 1_000_000


class TooMany(ValueError):
    """More servers than anybody has. The message says how much work was asked of them."""


def erlang_b(servers: int, load: float) -> float:
    """The share of work that is turned away where nothing can wait (Erlang's B), by the recursion over servers.

    `load`: work that comes per time times the time that it takes, in servers (erlang).
    """
    blocked = 1.0
    for count in range(1, servers + 1):
        blocked = load * blocked / (count + load * blocked)
    return blocked


def erlang_c(servers: int, load: float) -> float:
    """The share of work that has to wait (Erlang's C: Poisson arrivals, exponential times); 1 at or beyond capacity."""
    return _waiting(servers, load, erlang_b(servers, load))


def _waiting(servers: int, load: float, blocked: float) -> float:
    if load >= servers:
        return 1.0
    return blocked / (1.0 - load / servers * (1.0 - blocked))


def mean_wait(servers: int, load: float, service: float, *, arrivals: float = 1.0, spread: float = 1.0) -> float:
    """The mean wait in a queue of its own order, infinite at or beyond capacity.

    `service`: the mean time that a piece of work takes. `arrivals`, `spread`: squared coefficients of variation of the
    times between arrivals and of the work. Allen and Cunneen's approximation, exact for 1 and 1.
    """
    return _mean(erlang_c(servers, load), servers, load, service, (arrivals + spread) / 2.0)


def _mean(waiting: float, servers: int, load: float, service: float, variability: float) -> float:
    if load >= servers:
        return math.inf
    return variability * waiting * service / (servers - load)


def waits_longer(
    servers: int, load: float, service: float, than: float, *, arrivals: float = 1.0, spread: float = 1.0
) -> float:
    """The share of work that waits longer than `than`: who waits does so for an exponential time, exact for 1 and 1."""
    return _longer(erlang_c(servers, load), servers, load, service, than, (arrivals + spread) / 2.0)


def _longer(waiting: float, servers: int, load: float, service: float, than: float, variability: float) -> float:
    if load >= servers:
        return 1.0
    if waiting <= 0.0:
        return 0.0
    return waiting * math.exp(-than * (servers - load) / (variability * service)) if service > 0 else 0.0


def servers_for(
    load: float,
    service: float,
    *,
    utilisation: float,
    wait: float,
    share: float = 0.05,
    arrivals: float = 1.0,
    spread: float = 1.0,
) -> int:
    """The fewest servers that are busy for at most `utilisation`, and let at most `share` wait longer than `wait`.

    Raises `TooMany` beyond a million.
    """
    if load > MAX_SERVERS * utilisation:
        raise TooMany(f"{load:,.0f} servers' worth of work at {utilisation:.0%}: more than {MAX_SERVERS:,} servers")
    fewest = max(1, math.ceil(load / utilisation - 1e-9))
    variability = (arrivals + spread) / 2.0
    blocked = erlang_b(fewest, load)
    count = fewest
    while _longer(_waiting(count, load, blocked), count, load, service, wait, variability) > share:
        count += 1
        if count > MAX_SERVERS:
            raise TooMany(f"a wait of {wait:g} with work of {service:g} each: more than {MAX_SERVERS:,} servers")
        blocked = load * blocked / (count + load * blocked)
    return count
