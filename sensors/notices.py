"""When people are told: every half minute, of what has come since.

Here belongs one round: read the log, keep what is to be told, send what is due. Not here: what is told
(`ascend_assets/notices/`), or sending (`resources/notify/`).

What is to be told is kept on the disk before the cursor moves on, and the same cause is the same notice: a crash at any
point loses nothing and gathers nothing twice.
"""

import time

import dagster as dg

from ascend_assets import cursors, watchdog
from ascend_assets.gates.wording import counted, listing
from ascend_assets.notices import gathering, states, telling
from ascend_assets.notices.gathering import Cursor, Gathered
from ascend_assets.notices.telling import Round
from ascend_assets.triggers import Triggers
from ascend_assets.trouble import Trouble
from resources.home import home
from resources.notify import outbox
from resources.notify.outbox import Outbox, OutboxBusy

NAME = "notices"
EVERY_SECONDS = 30
DEFAULT_SECONDS = 30.0
"""Dagster's own interval of a sensor that names none."""


def build(settings: Triggers) -> dg.SensorDefinition:
    """The sensor. It asks for no run. Without channels it keeps what happened, for `ascend notices`."""

    @dg.sensor(
        name=NAME,
        description=(
            "Tells people of failed runs, refused candidates, failed checks, missing signatures, rollbacks, sources "
            "that are down, drift and sensors that stopped, and when that is over: `ascend notices`."
        ),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=EVERY_SECONDS,
    )
    def notices(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        """One round. What is wrong outside is said in the reason, and never raised."""
        # Where it cannot be read the last hour is looked at anew.
        cursor, now = cursors.read(Cursor, context.cursor), time.time()
        place = telling.folder()
        try:
            with outbox.alone(place):
                box, aside = outbox.read(place)
                box = outbox.for_channels(box, [channel.name for channel in settings.notices.channels])
                found, after = gathering.gather(context.instance, cursor, home().dossiers, now)
                box = outbox.add(box, found.notices, now)
                box = _standing(context, box, now)
                box, done = telling.tell(place, box, settings.notices, now)
        except OutboxBusy as busy:
            return dg.SensorResult(skip_reason=str(busy), cursor=context.cursor)
        except OSError as error:
            why = f"what is to be told cannot be kept in {place}: {error.strerror or type(error).__name__}"
            return _result(cursor.model_copy(update={"trouble": Trouble.met(cursor.trouble, why, now)}), why)
        wrong = [f"{name}: {why}" for name, why in done.troubles.items()]
        trouble = Trouble.met(cursor.trouble, listing(wrong), now) if wrong else None
        return _result(after.model_copy(update={"trouble": trouble}), _said(found, box, done, aside))

    return notices


def _standing(context: dg.SensorEvaluationContext, box: Outbox, now: float) -> Outbox:
    """With what follows from how things stand now."""
    if context.repository_def is None:
        raise dg.DagsterInvariantViolationError("this sensor asks the code location what there is")
    checks = {("/".join(k.asset_key.path), k.name) for k in context.repository_def.asset_graph.asset_check_keys}
    box = outbox.without(box, states.gone(box.standing, checks))
    intervals = {
        sensor.name: float(sensor.minimum_interval_seconds or DEFAULT_SECONDS)
        for sensor in context.repository_def.sensor_defs
        if sensor.default_status == dg.DefaultSensorStatus.RUNNING and sensor.name != NAME
    }
    # Its own trouble is a channel's, which is told by itself.
    cursors = {name: text for name, text in states.cursors(context.instance).items() if name in intervals}
    box = outbox.add(box, states.of_cursors(cursors, box.standing, now), now)
    stopped = watchdog.stopped(context.instance, intervals, now)
    return outbox.add(box, states.of_stopped(stopped, box.standing, now), now)


def _result(cursor: Cursor, said: str) -> dg.SensorResult:
    return dg.SensorResult(cursor=cursor.model_dump_json(), skip_reason=said)


def _said(found: Gathered, box: Outbox, done: Round, aside: str) -> str:
    waiting = {name: sum(n.id not in line.done for n in box.notices) for name, line in box.lines.items()}
    parts = [
        aside,
        f"gathered {counted(len(found.notices), 'notice')}" if found.notices else "",
        f"sent {counted(done.sent, 'message')}" if done.sent else "",
        *(f"{name}: {why}" for name, why in done.troubles.items()),
        listing([f"{count} wait for {name}" for name, count in waiting.items() if count]),
        f"not understood: {listing(found.unreadable)}" if found.unreadable else "",
        "" if box.lines else "no channel is set up in triggers.yaml",
    ]
    return ". ".join(filter(None, parts)) or "everybody has been told everything"
