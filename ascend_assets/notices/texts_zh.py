"""What notices say in Chinese: data. A field in braces is a fact of the notice."""

# ruff: noqa: RUF001 - Chinese has punctuation of its own

from collections.abc import Mapping

from ascend_assets.notices.text import Text

TEXTS: Mapping[str, Text] = {
    "run_failed": Text(
        title="{job} 运行失败",
        what="步骤 {step}：{why}",
        todo="请查看该运行中这一步的日志；`ascend doctor` 可检查本机环境。",
    ),
    "refused": Text(
        title="{model}：候选 {candidate} 未通过门禁",
        what="未通过的判据：{criteria}。{why}",
        todo="请阅读候选页面，修正模型后提交，或手动构建：`ascend run {model}`",
    ),
    "check_failed": Text(
        title="{asset}：检查 {check} 未通过",
        what="{why}",
        todo="请在 Dagster 中查看该资产的检查；各环境的现状见 `ascend status`",
        over="{asset}：检查 {check} 已恢复正常",
    ),
    "signatures": Text(
        title="{model}：晋级到 {environment} 正在等待签名",
        what="{why}",
        todo="请阅读其卷宗；还缺什么：`ascend promote {model} --to {environment} --dry-run`；"
        "签名：`ascend approve {model} --version VERSION --env {environment}`",
        over="{model}：晋级到 {environment} 不再等待签名",
    ),
    "rollback": Text(
        title="{model} 在 {environment} 已回滚到 {version}",
        what="操作人 {who}：{why}",
        todo="完整历史见 `ascend model history {model} --env {environment}`",
    ),
    "source_down": Text(
        title="触发器 {sensor} 连不上数据源",
        what="自 {since} 起已尝试 {times} 次：{why}",
        todo="不会丢失任何内容，恢复后会继续。请检查数据源是否可用、triggers.yaml 中的地址和令牌是否正确。",
        over="触发器 {sensor} 已重新连上数据源",
    ),
    "breaker": Text(
        title="{sensor} 的熔断器已打开",
        what="自 {since} 起失败过多：{why}",
        todo="稍后会自动重试；在此之前不会从该来源获取任何内容。",
        over="{sensor} 的熔断器已重新闭合",
    ),
    "downloads": Text(
        title="{name} 连续 {times} 次下载失败",
        what="{why}",
        todo="请确认模型库上的该版本是否完整、本机磁盘空间是否充足：`ascend doctor`",
        over="{name} 已下载成功",
    ),
    "error_rate": Text(
        title="{model}：生产错误率高于昨日同一时段",
        what="{why}",
        todo="请查看此后部署了什么；若确由新版本引起：`ascend model rollback {model} --env ENV --reason WHY`",
        over="{model}：生产错误率已恢复正常",
    ),
    "slow_load": Text(
        title="{model} 在生产环境加载过慢",
        what="{why}",
        todo="请检查机器的磁盘和内存，以及编译后模型的大小：`ascend show {model}`",
        over="{model} 的加载时间已恢复正常",
    ),
    "drift": Text(
        title="{model}：生产数据发生漂移（{check}）",
        what="{why}",
        todo="请在资产 {asset} 上查看漂移最大的特征；若 defs.yaml 中已配置，会自动重新训练。",
        over="{model}：生产数据漂移已消失（{check}）",
    ),
    "retraining_begun": Text(
        title="{model}：已开始重新训练",
        what="原因：{why}",
        todo="无需操作，结果会另行通知。",
    ),
    "retraining_released": Text(
        title="{model}：重新训练的挑战者更优，已发布",
        what="它胜过现任冠军并通过全部门禁，已部署到第一个环境。",
        todo="继续晋级：`ascend promote {model} --to ENV --reason WHY`",
    ),
    "retraining_refused": Text(
        title="{model}：重新训练结束，没有发布",
        what="未通过：{criteria}。{why}",
        todo="现任冠军保持不变。请查看该运行的检查；`ascend status {model}`",
    ),
    "repair_released": Text(
        title="{model}：被拒绝的候选已自动修复并发布",
        what="{candidate} 经自动修改后通过全部门禁，已进入第一个环境。",
        todo="请在评审档案中查看改动与原因，并合入建议的补丁，否则下一次提交仍会被拒绝。",
    ),
    "repair_refused": Text(
        title="{model}：被拒绝的候选未能修复",
        what="未通过：{criteria}。{why}",
        todo="请查看资产 {model}/repair：原因、尝试过程，以及可由人工接受的修改。",
    ),
    "sensor_stopped": Text(
        title="传感器 {sensor} 已停止运行",
        what="{why}",
        todo="请在 Dagster 中查看它的 tick 记录，并确认守护进程与代码位置正常运行。",
        over="传感器 {sensor} 已恢复运行",
    ),
    "channel_down": Text(
        title="通知无法送达渠道 {channel}",
        what="已尝试 {times} 次：{why}",
        todo="通知会保留，恢复后补发。可测试：`ascend notices --test {channel}`",
        over="通知渠道 {channel} 已恢复",
    ),
    "test": Text(
        title="渠道 {channel} 测试消息",
        what="看到这条消息，说明通知可以送达。",
        todo="无需操作。",
    ),
}
