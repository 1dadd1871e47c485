"""What notices say in English: data. A field in braces is a fact of the notice."""

from collections.abc import Mapping

from ascend_assets.notices.text import Text

TEXTS: Mapping[str, Text] = {
    "run_failed": Text(
        title="Run of {job} failed",
        what="Step {step}: {why}",
        todo="Read the step's log in the run. `ascend doctor` looks at this machine.",
    ),
    "refused": Text(
        title="{model}: candidate {candidate} was refused",
        what="Gates that said no: {criteria}. {why}",
        todo="Read its page, mend the model and commit, or build it by hand: `ascend run {model}`",
    ),
    "check_failed": Text(
        title="{asset}: check {check} failed",
        what="{why}",
        todo="Open the asset's checks in Dagster. What is live where: `ascend status`",
        over="{asset}: check {check} passes again",
    ),
    "signatures": Text(
        title="{model}: a promotion to {environment} waits for signatures",
        what="{why}",
        todo="Read its dossier. What is missing: `ascend promote {model} --to {environment} --dry-run`. "
        "To sign: `ascend approve {model} --version VERSION --env {environment}`",
        over="{model}: no promotion to {environment} waits for signatures any more",
    ),
    "rollback": Text(
        title="{model} was rolled back to {version} in {environment}",
        what="By {who}: {why}",
        todo="See who did what and when: `ascend model history {model} --env {environment}`",
    ),
    "source_down": Text(
        title="Trigger {sensor} cannot reach its source",
        what="Since {since}, tried {times} times: {why}",
        todo="Nothing is lost: it goes on where it stopped. See whether the source is up, and whether its address and "
        "token in triggers.yaml are right.",
        over="Trigger {sensor} reaches its source again",
    ),
    "breaker": Text(
        title="The breaker of {sensor} is open",
        what="Too many failures since {since}: {why}",
        todo="It tries again by itself after a while. Until then nothing comes from there.",
        over="The breaker of {sensor} is closed again",
    ),
    "downloads": Text(
        title="Downloads of {name} failed {times} times in a row",
        what="{why}",
        todo="See whether the release is whole on the hub and whether there is room on the disk: `ascend doctor`",
        over="{name} was downloaded at last",
    ),
    "error_rate": Text(
        title="{model}: more errors in production than yesterday at this hour",
        what="{why}",
        todo="See what was deployed since. If that is the cause: "
        "`ascend model rollback {model} --env ENV --reason WHY`",
        over="{model}: the error rate in production is normal again",
    ),
    "slow_load": Text(
        title="{model} loads slowly in production",
        what="{why}",
        todo="Look at the machine's disk and memory and at the size of the compiled model: `ascend show {model}`",
        over="{model} loads fast enough again",
    ),
    "drift": Text(
        title="{model}: production data has drifted ({check})",
        what="{why}",
        todo="Look at the worst features on the asset {asset}. A retraining starts by itself where defs.yaml says so.",
        over="{model}: production data is as before ({check})",
    ),
    "retraining_begun": Text(
        title="{model}: a retraining has begun",
        what="Reason: {why}",
        todo="Nothing; how it ends will be told.",
    ),
    "retraining_released": Text(
        title="{model}: a better challenger was trained and released",
        what="It beat the champion and passed every gate; it is in the first environment.",
        todo="To take it further: `ascend promote {model} --to ENV --reason WHY`",
    ),
    "retraining_refused": Text(
        title="{model}: a retraining ended without a release",
        what="What said no: {criteria}. {why}",
        todo="The champion stays. Read the checks of the run; `ascend status {model}`",
    ),
    "repair_released": Text(
        title="{model}: a refused candidate was repaired and released",
        what="{candidate} passed every gate with changes that no person made; it is in the first environment.",
        todo="Read in its dossier what was changed and why, and merge the proposed patch: else the next commit is "
        "refused again.",
    ),
    "repair_refused": Text(
        title="{model}: a refused candidate could not be repaired",
        what="What said no: {criteria}. {why}",
        todo="Read the asset {model}/repair: causes, attempts, and what a person may accept.",
    ),
    "sensor_stopped": Text(
        title="Sensor {sensor} has stopped",
        what="{why}",
        todo="Look at its ticks in Dagster, and whether the daemon and the code location are up.",
        over="Sensor {sensor} ticks again",
    ),
    "channel_down": Text(
        title="Notices do not reach the channel {channel}",
        what="Tried {times} times: {why}",
        todo="They wait and are sent when it works again. Try it: `ascend notices --test {channel}`",
        over="The channel {channel} works again",
    ),
    "test": Text(
        title="A test of the channel {channel}",
        what="If you read this, notices arrive here.",
        todo="Nothing.",
    ),
}
