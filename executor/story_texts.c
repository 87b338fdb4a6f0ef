/* SPDX-License-Identifier: MIT
 * The table of sentences, in English and Japanese, and the filling of their arguments. Knows nothing of runs. */
#include "executor/story_texts.h"

#include <assert.h>
#include <string.h>

#include "lib/base/limits.h"
#include "lib/base/text.h"

#define SENTENCE_BYTES_MAX (STORY_VALUE_CHARS_MAX * 4 * 8)

/* In every reason beside its own details. */
#define COMMON "host customer service scenario node region lost did look found age "

/* What put a recover in doubt: one of the two. */
#define WHAT_BROKE "[Worker {lost} was lost ][The connection to {cut} broke ]"
#define WHAT_BROKE_JA "[ワーカー {lost} が失われました。][{cut}への接続が切れました。]"
#define NOTHING_STARTS "Nothing of this run can start there any more."
#define NOTHING_STARTS_JA "この実行から新たに処置が開始されることはありません。"

const struct story_sentence story_sentences[STORY_TEXTS] = {
    [TEXT_TITLE_CHECKING] = {"", {"checking", "確認中"}},
    [TEXT_TITLE_RECOVERING] = {"", {"recovering", "復旧処置中"}},
    [TEXT_TITLE_VERIFYING] = {"", {"verifying", "復旧確認中"}},
    [TEXT_TITLE_SHADOW] = {"", {"shadow", "シャドー"}},
    [TEXT_TITLE_ENDED + ENDING_RESOLVED] = {"", {"recovered", "復旧済み"}},
    [TEXT_TITLE_ENDED + ENDING_SELF_HEALED] = {"", {"healthy", "自然復旧"}},
    [TEXT_TITLE_ENDED + ENDING_HANDED_OVER] = {"", {"handed over", "要対応"}},
    [TEXT_TITLE_ENDED + ENDING_STOPPED] = {"", {"stopped", "中止"}},
    [TEXT_TITLE_ENDED + ENDING_STALE] = {"", {"no longer open", "クローズ済み"}},
    [TEXT_TITLE_ENDED + ENDING_UNMATCHED] = {"", {"no scenario", "シナリオなし"}},
    [TEXT_TITLE_ENDED + ENDING_SHADOWED] = {"", {"shadow done", "シャドー完了"}},

    [TEXT_ENDED + ENDING_RESOLVED] = {"reason", {"Recovered. {reason}", "【復旧】{reason}"}},
    [TEXT_ENDED + ENDING_SELF_HEALED] = {"reason", {"Already healthy. {reason}", "【自然復旧】{reason}"}},
    [TEXT_ENDED + ENDING_HANDED_OVER] = {"reason", {"Handed over. {reason}", "【要対応】{reason}"}},
    [TEXT_ENDED + ENDING_STOPPED] = {"reason", {"Stopped. {reason}", "【中止】{reason}"}},
    [TEXT_ENDED + ENDING_STALE] = {"reason", {"Nothing to do. {reason}", "【対応不要】{reason}"}},
    [TEXT_ENDED + ENDING_UNMATCHED] = {"reason", {"Not handled. {reason}", "【要対応】{reason}"}},
    [TEXT_ENDED + ENDING_SHADOWED] = {"reason", {"Shadow run, nothing was changed. {reason}",
        "【シャドー】変更は行っていません。{reason}"}},

    [TEXT_WHY + WHY_VERIFIED] = {COMMON, {
        "{host} is healthy again[ after \"{did}\"][ ({look}: {found})].",
        "{host} は[「{did}」の後、]正常に戻りました[。{look}: {found}]。"}},
    [TEXT_WHY + WHY_SELF_HEALED] = {COMMON, {
        "{host} was healthy when firstline looked[ ({look}: {found})].",
        "{host} は確認した時点で正常でした[。{look}: {found}]。"}},
    [TEXT_WHY + WHY_MONITOR_CLEARED] = {COMMON, {
        "The monitor cleared its alert[ after \"{did}\"], and the incident closed with it[ (last seen: {look}: {found})].",
        "[「{did}」の後、]監視側でアラートが解消し、インシデントもクローズされました[。最後の確認 {look}: {found}]。"}},
    [TEXT_WHY + WHY_NOT_HEALED] = {COMMON, {
        "{host} is still unhealthy[ after \"{did}\"], and the scenario has nothing more to try[ ({look}: {found})].",
        "{host} は[「{did}」の後も]異常のままで、シナリオの処置はすべて終わりました[。{look}: {found}]。"}},
    [TEXT_WHY + WHY_CANNOT_TELL] = {COMMON "step why", {
        "It cannot be told whether {host} is healthy[. {step}][: {why}].",
        "{host} が正常かどうか判断できません[。{step}][: {why}]。"}},
    [TEXT_WHY + WHY_NO_SCENARIO] = {COMMON "title", {
        "No scenario matches the title \"{title}\"; nothing was done.",
        "タイトル「{title}」に該当するシナリオがありません。何も実行していません。"}},
    [TEXT_WHY + WHY_NO_SCENARIOS] = {COMMON "title", {
        "No node has any scenario; nothing was done. The title is \"{title}\".",
        "どのノードにもシナリオがありません。何も実行していません。タイトル「{title}」。"}},
    [TEXT_WHY + WHY_NO_CUSTOMER] = {COMMON "name", {
        "The service \"{name}\" belongs to no customer in the settings, so its hosts are not known; nothing was done.",
        "サービス「{name}」に対応する顧客が設定になく、ホストを特定できません。何も実行していません。"}},
    [TEXT_WHY + WHY_VALUE] = {COMMON "problem", {
        "The scenario lacks a value that it needs: {problem}.",
        "シナリオに必要な値がそろいません: {problem}。"}},
    [TEXT_WHY + WHY_HOST_UNKNOWN] = {COMMON "name owner from", {
        "The inventory[ of {owner}] has no host \"{name}\"[ (from {from})]; a host that is not in it is never contacted.",
        "[{owner} の]インベントリにホスト「{name}」がありません[（参照元: {from}）]。未登録のホストには接続しません。"}},
    [TEXT_WHY + WHY_HOST_AMBIGUOUS] = {COMMON "name owner from", {
        "The name \"{name}\"[ (from {from})] fits several hosts in the inventory[ of {owner}]; firstline does not guess.",
        "「{name}」[（参照元: {from}）]に該当するホストが[ {owner} の]インベントリに複数あり、特定できません。"}},
    [TEXT_WHY + WHY_HOSTS_DIFFER] = {COMMON "names", {
        "The alerts name different hosts: {names}; firstline does not guess.",
        "アラートによって対象ホストが異なり、特定できません: {names}。"}},
    [TEXT_WHY + WHY_NO_LONGER_OPEN] = {COMMON "status", {
        "The incident was no longer open[ ({status})] when firstline came to it; nothing was done.",
        "firstline の着手時、インシデントはすでに終了していました[（{status}）]。何も実行していません。"}},
    [TEXT_WHY + WHY_NEW_ALERT] = {COMMON "alerts", {
        "{host} is healthy, but there are alerts that firstline has not looked at: {alerts}. Resolving would hide them.",
        "{host} は正常ですが、firstline が確認していないアラートがあるため、解決にはしていません: {alerts}。"}},
    [TEXT_WHY + WHY_ALERTS_UNREADABLE] = {COMMON "error", {
        "{host} is healthy, but PagerDuty could not be asked whether newer alerts came, so the incident is not resolved[: {error}].",
        "{host} は正常ですが、新しいアラートの有無を PagerDuty に確認できないため、解決にはしていません[: {error}]。"}},
    [TEXT_WHY + WHY_PERSON] = {COMMON "who how", {
        "{who} took over[ ({how})]; firstline changes nothing more.",
        "{who} が引き取ったため[（{how}）]、firstline はこれ以上変更しません。"}},
    [TEXT_WHY + WHY_CLOSED] = {COMMON "who how", {
        "{who} closed the incident[ ({how})]; firstline changes nothing more.",
        "{who} がクローズしたため[（{how}）]、firstline はこれ以上変更しません。"}},
    [TEXT_WHY + WHY_STOP_SWITCH] = {COMMON "scope key who why", {
        "A stop switch is set ({scope}[ {key}])[ by {who}][: {why}]; no recover starts.",
        "停止スイッチが有効なため（{scope}[ {key}]）、復旧処置を実行しません[。設定者 {who}][、理由: {why}]。"}},
    [TEXT_WHY + WHY_RECURRENCE] = {COMMON "count hours", {
        "This keeps coming back: {host} had the same recover {count} times within {hours} h, so it is not done again.",
        "再発が続いています。{host} では同じ処置を {hours} 時間以内に {count} 回実行済みのため、再実行しません。"}},
    [TEXT_WHY + WHY_NO_STANDBY] = {COMMON, {
        "The database has no synchronous standby now, and by the settings no recover starts without one.",
        "データベースの同期スタンバイがないため、設定に従い復旧処置を実行しません。"}},
    [TEXT_WHY + WHY_BLIND] = {COMMON "error", {
        "PagerDuty could not be asked whether a person took over, so no recover starts[: {error}].",
        "担当者が対応中かどうかを PagerDuty に確認できないため、復旧処置を実行しません[: {error}]。"}},
    [TEXT_WHY + WHY_GIVE_UP] = {COMMON "doing", {
        "Time is up, {age} after the incident was opened[; firstline was {doing}].",
        "発生から{age}が経過し、制限時間になりました[（直前の状態: {doing}）]。"}},
    [TEXT_WHY + WHY_DOUBT] = {COMMON "step on why holder", {
        "\"{step}\" was sent to {on}, and what became of it is not known[: {why}].",
        "{on} に「{step}」を送りましたが、その結果を確認できません[: {why}]。"}},
    [TEXT_WHY + WHY_SSH] = {COMMON "step on error", {
        "{on} could not be reached for \"{step}\"[: {error}].",
        "「{step}」のための {on} への接続に失敗しました[: {error}]。"}},
    [TEXT_WHY + WHY_MACHINE] = {COMMON "step on said", {
        "\"{step}\" could not start on {on}[: {said}].",
        "{on} で「{step}」を開始できませんでした[: {said}]。"}},
    [TEXT_WHY + WHY_BUSY] = {COMMON "step on holder", {
        "\"{step}\" did not start: another recover holds {on}[ ({holder})].",
        "{on} で別の復旧処置が実行中のため、「{step}」を開始できませんでした[（{holder}）]。"}},
    [TEXT_WHY + WHY_SHADOW] = {COMMON "would", {
        "{host} is unhealthy[ ({look}: {found})]; firstline would now do[: {would}].",
        "{host} は異常です[。{look}: {found}]。auto であれば次を実行します[: {would}]。"}},
    [TEXT_WHY + WHY_MODE] = {COMMON "mode", {
        "The scenario's mode \"{mode}\" is not available yet.",
        "シナリオのモード「{mode}」はまだ利用できません。"}},
    [TEXT_WHY + WHY_FAULT] = {COMMON "error", {
        "Something in firstline itself is broken[: {error}].",
        "firstline 側の問題で続行できません[: {error}]。"}},
    [TEXT_WHY_SHADOW_HEALTHY] = {COMMON, {
        "{host} is healthy[ ({look}: {found})]; firstline would have resolved the incident.",
        "{host} は正常です[。{look}: {found}]。auto であれば解決にします。"}},
    [TEXT_WHY_NOT_BEGUN] = {COMMON "doing", {
        "Time is up, {age} after the incident was opened, and firstline had not begun; nothing was done.",
        "発生から{age}が経過し制限時間になりましたが、開始できませんでした。何も実行していません。"}},
    [TEXT_SOMEBODY] = {"", {"a person", "担当者"}},

    [TEXT_START] = {"host scenario", {"firstline is checking {host}[ ({scenario})].",
        "firstline が {host} の確認を始めました[（{scenario}）]。"}},
    [TEXT_START_SHADOW] = {"host scenario", {"firstline looks at {host}[ ({scenario})] in shadow mode; it changes nothing.",
        "firstline がシャドーモードで {host} を確認します[（{scenario}）]。変更は行いません。"}},
    [TEXT_START_LATE] = {"age", {"Begun {age} after the incident was opened.", "発生から{age}後に開始しました。"}},
    [TEXT_START_TAKE_OVER] = {"", {"To take over, acknowledge the incident: firstline then changes nothing more.",
        "引き取る場合は Acknowledge してください。以後 firstline は変更を行いません。"}},
    [TEXT_VALUES] = {"list", {"Values: {list}", "値: {list}"}},

    [TEXT_VERB + STEP_CHECK] = {"", {"check", "確認"}},
    [TEXT_VERB + STEP_COLLECT] = {"", {"collect", "収集"}},
    [TEXT_VERB + STEP_RECOVER] = {"", {"recover", "処置"}},
    [TEXT_VERB + STEP_VERIFY] = {"", {"verify", "再確認"}},
    [TEXT_STEP_JUDGED] = {"time verb title user on outcome found took looks", {
        "{time} {verb} \"{title}\"[ on {on}][ as {user}]: {outcome}[. {found}] ({took}[, {looks}])",
        "{time} {verb}「{title}」[（{on}）][（{user}）]: {outcome}[。{found}]（{took}[、{looks}]）"}},
    [TEXT_STEP_DONE] = {"time verb title user on end found took left", {
        "{time} {verb} \"{title}\"[ on {on}][ as {user}]: {end}[. {found}] ({took}[, {left}])",
        "{time} {verb}「{title}」[（{on}）][（{user}）]: {end}[。{found}]（{took}[、{left}]）"}},
    [TEXT_PROGRESS_JUDGED] = {"host title outcome found", {
        "{host}, {title}: {outcome}[. {found}].", "{host} {title}: {outcome}[。{found}]。"}},
    [TEXT_PROGRESS_DONE] = {"host title end user took", {
        "{host}: did \"{title}\"[ as {user}]: {end} ({took}).", "{host} で「{title}」を[ {user} で]実行: {end}（{took}）。"}},
    [TEXT_OUTCOME + JUDGED_HEALTHY] = {"", {"healthy", "正常"}},
    [TEXT_OUTCOME + JUDGED_UNHEALTHY] = {"", {"unhealthy", "異常"}},
    [TEXT_OUTCOME + JUDGED_CANNOT_TELL] = {"", {"cannot tell", "判断不可"}},
    [TEXT_END_STATUS] = {"status", {"exit status {status}", "終了コード {status}"}},
    [TEXT_END_SIGNAL] = {"signal", {"ended by signal {signal}", "シグナル {signal} で終了"}},
    [TEXT_END_TIMEOUT] = {"", {"its time ran out, it was ended", "時間切れのため停止"}},
    [TEXT_END_UNKNOWN] = {"", {"its outcome is not known", "結果不明"}},
    [TEXT_LEFT_RUNNING] = {"count", {"processes left running: {count}", "残存プロセス {count}"}},
    [TEXT_LOOKS] = {"count", {"looked {count} times", "{count} 回確認"}},
    [TEXT_STEPS_LEFT_OUT] = {"count", {"(... {count} steps left out)", "（… {count} ステップ省略）"}},
    [TEXT_OUTPUT_LEFT_OUT] = {"lines size", {"(... {lines} lines, {size} left out)",
        "（… {lines} 行、{size} を省略）"}},
    [TEXT_OUTPUT_CUT] = {"", {"(there was more output than is kept)", "（出力が長いため一部のみ保存）"}},
    [TEXT_OUTPUT_OMITTED] = {"lines size", {"(output left out: {lines} lines, {size})",
        "（出力 {lines} 行、{size} を省略）"}},
    [TEXT_LINE_CUT] = {"chars", {" (... {chars} more)", " （… あと {chars} 文字）"}},
    [TEXT_IT_SAID] = {"found said", {"{found}[; it said: {said}]", "{found}[、エラー出力: {said}]"}},

    [TEXT_CHANGED_NOTHING] = {"host", {"Changed[ on {host}]: nothing.", "変更[（{host}）]: なし"}},
    [TEXT_CHANGED] = {"host list", {"Changed[ on {host}]: {list}.", "変更[（{host}）]: {list}"}},
    [TEXT_CHANGED_BY] = {"title on user end took", {"{title} ([on {on}, ][as {user}, ]{end}[, {took}])",
        "{title}（[{on}、][{user}、]{end}[、{took}]）"}},
    [TEXT_EFFECT] = {"before after", {"Before: {before}. After: {after}.", "処置前: {before} → 処置後: {after}"}},
    [TEXT_TAKEN_OVER] = {"lost node", {"Worker {lost} went away during this run; {node} took over from its journal.",
        "途中でワーカー {lost} が離脱し、{node} が記録をもとに引き継ぎました。"}},
    [TEXT_NO_STANDBY] = {"", {"The database had no synchronous standby while this ran.",
        "実行中、データベースの同期スタンバイがありませんでした。"}},
    [TEXT_MAY_START] = {"step on most", {
        "CAREFUL: \"{step}\" may still start or be running on {on}; firstline could not reach the machine to rule it out."
        "[ Once started it runs for at most {most}.] firstline goes on asking the machine, and will note here what it says.",
        "注意: {on} で「{step}」がこれから開始される、または実行中の可能性があります。マシンに到達できず、取り消せていません。"
        "[開始後は最長{most}で終了します。]firstline は確認を続け、結果をここに記録します。"}},
    [TEXT_RUNS_ON] = {"step on most", {
        "CAREFUL: \"{step}\" is still running on {on}[; it runs for at most {most}]. Nothing else of this run can start there. "
        "How it ends will be noted here.",
        "注意: {on} で「{step}」が実行中です[（最長{most}）]。この実行からほかの処置が開始されることはありません。"
        "終了結果はここに記録します。"}},
    [TEXT_EVIDENCE] = {"date zone opened ended took", {
        "What was done ({date} {zone}; opened {opened}, ended {ended}, {took}):",
        "経過（{date} {zone}、発生 {opened}、終了 {ended}、{took}）:"}},
    [TEXT_SAY] = {"say", {"The scenario says: {say}", "シナリオより: {say}"}},
    [TEXT_FOOTER] = {"scenario set mode run node region", {
        "-- firstline[ · {scenario}[@{set}]][ · {mode}] · run {run} · {node}[ ({region})]",
        "-- firstline[ · {scenario}[@{set}]][ · {mode}] · run {run} · {node}[ ({region})]"}},

    [TEXT_LEFT_OUT] = {"n", {"Left out: {n} of the progress notes; they still waited to be written when this ended.",
        "省略: 終了までに書き込めなかった経過ノート {n} 件"}},
    [TEXT_NOT_RESOLVED] = {"", {
        "firstline did not resolve this incident: its status was changed since firstline last looked, so it is left as it is.",
        "最後の確認の後に状態が変更されたため、firstline はこのインシデントを解決にしません。"}},
    [TEXT_NOT_HANDED_OVER] = {"", {
        "firstline called nobody else: the status was changed since firstline last looked, so the incident is left as it is.",
        "最後の確認の後に状態が変更されたため、firstline は担当者を呼び出しません。"}},
    [TEXT_NEXT] = {"", {"What to do next:", "次の対応:"}},
    [TEXT_NEXT_SSH] = {"login on", {"Look at the machine: ssh [{login}@]{on}", "マシンを確認: ssh [{login}@]{on}"}},
    [TEXT_NEXT_SHOW] = {"run", {"All that was done: firstline runs show {run}", "実行の詳細: firstline runs show {run}"}},
    [TEXT_NEXT_MATCH] = {"", {"Why none matched: firstline match --title \"...\"",
        "一致しない理由の確認: firstline match --title \"...\""}},
    [TEXT_NEXT_SCENARIOS] = {"", {"Are the scenarios where the nodes look for them? See files.scenarios and /readyz of each node.",
        "各ノードの設定 files.scenarios と /readyz を見て、シナリオが読める場所にあるか確認してください。"}},
    [TEXT_NEXT_CUSTOMER] = {"name", {"Give the service \"{name}\" a customer in the settings.",
        "設定でサービス「{name}」に顧客を割り当ててください。"}},
    [TEXT_NEXT_VALUE] = {"", {"Correct the alert's fields, or the scenario's `values` and `target`.",
        "アラートの項目、またはシナリオの `values` と `target` を見直してください。"}},
    [TEXT_NEXT_INVENTORY] = {"name owner", {"Add \"{name}\" to the inventory[ of {owner}], or correct the alert.",
        "[{owner} の]インベントリに「{name}」を追加するか、アラートを見直してください。"}},
    [TEXT_NEXT_AMBIGUOUS] = {"name", {"Give each host a name or alias of its own in the inventory.",
        "インベントリでホスト名と別名が重複しないようにしてください。"}},
    [TEXT_NEXT_HOSTS] = {"", {"Look at each of these hosts; one incident for each would be handled.",
        "各ホストを確認してください。ホストごとのインシデントであれば firstline が対応できます。"}},
    [TEXT_NEXT_NEW_ALERT] = {"", {"Look at those alerts, then resolve the incident by hand.",
        "未確認のアラートを確認し、手動で解決にしてください。"}},
    [TEXT_NEXT_ALERTS] = {"", {"Look whether new alerts came, then resolve the incident by hand.",
        "新しいアラートの有無を確認し、手動で解決にしてください。"}},
    [TEXT_NEXT_GO] = {"scope key", {"To release the switch: firstline go {scope}[ {key}]",
        "停止スイッチの解除: firstline go {scope}[ {key}]"}},
    [TEXT_NEXT_CAUSE] = {"", {"Look for the cause; the same recover did not last.",
        "同じ処置では再発するため、根本原因を調査してください。"}},
    [TEXT_NEXT_STANDBY] = {"", {"Look at the database's replication; until it is back, recover by hand.",
        "データベースのレプリケーションを確認してください。復旧までは手動で対応してください。"}},
    [TEXT_NEXT_BLIND] = {"", {"The host was not changed: recover by hand.", "ホストは変更していません。手動で対応してください。"}},
    [TEXT_NEXT_DOUBT] = {"step on", {"Before you change anything, see on {on} whether \"{step}\" is running or has done its work.",
        "変更する前に、{on} で「{step}」が実行中か、完了しているかを確認してください。"}},
    [TEXT_NEXT_REACH] = {"on", {"See whether {on} is up and reachable: power, network, sshd, host key.",
        "{on} の稼働状況、ネットワーク、sshd、ホスト鍵を確認してください。"}},
    [TEXT_NEXT_MACHINE] = {"on login", {"See the rights[ of {login}] on {on}: sudo, free space, the folder for records.",
        "{on} での[ {login} の]権限（sudo）、空き容量、記録用フォルダーを確認してください。"}},
    [TEXT_NEXT_BUSY] = {"on", {"See what the other run does on {on}: firstline runs", "{on} での別の実行を確認: firstline runs"}},
    [TEXT_NEXT_LOG] = {"node", {"firstline's own log on {node} has the details.", "詳細は {node} の firstline ログにあります。"}},

    [TEXT_DOUBT + DOUBT_ENDED] = {"lost cut step where node how took", {
        WHAT_BROKE "while \"{step}\" ran[ on {where}]; {node} found that it had ended[ {how}][ after {took}].",
        "[{where} で]「{step}」の実行中、" WHAT_BROKE_JA "{node} がマシンの記録を確認したところ、[開始から{took}で]終了していました[（{how}）]。"}},
    [TEXT_DOUBT + DOUBT_ENDED_NOW] = {"lost cut step where node how took", {
        WHAT_BROKE "while \"{step}\" ran[ on {where}]; {node} found it running still and ended it[ after {took}], as the scenario "
                   "says.",
        "[{where} で]「{step}」の実行中、" WHAT_BROKE_JA "{node} の確認時も実行中だったため、シナリオの指定に従い[開始から{took}で]停止しました。"}},
    [TEXT_DOUBT + DOUBT_RUNS] = {"lost cut step where node", {
        WHAT_BROKE "while \"{step}\" ran[ on {where}]; {node} found it running still, and waits for it.",
        "[{where} で]「{step}」の実行中、" WHAT_BROKE_JA "{node} の確認時も実行中のため、終了を待ちます。"}},
    [TEXT_DOUBT + DOUBT_NEVER] = {"lost cut step where node", {
        WHAT_BROKE "before \"{step}\" began[ on {where}]; {node} made sure that this attempt never will.",
        "[{where} で]「{step}」の開始前、" WHAT_BROKE_JA "{node} が、この試行は今後も開始されないことを確認しました。"}},
    [TEXT_DOUBT + DOUBT_LOST] = {"lost cut step where node then", {
        WHAT_BROKE "while \"{step}\" ran[ on {where}]; {node} found that it had begun, and no record of how it ended[. {then}].",
        "[{where} で]「{step}」の実行中、" WHAT_BROKE_JA "{node} の確認では、開始の記録はありますが結果の記録がありません[。{then}]。"}},
    [TEXT_DOUBT + DOUBT_FORGOTTEN] = {"lost cut step on node then", {
        WHAT_BROKE "while \"{step}\" was under way; {on} has rebooted or lost its records since, so {node} cannot tell whether "
                   "it ran[. {then}].",
        "「{step}」の処理中、" WHAT_BROKE_JA "その後 {on} が再起動したか記録が失われたため、{node} は実行の有無を確認できません"
        "[。{then}]。"}},
    [TEXT_DOUBT + DOUBT_UNREACHED] = {"lost cut step on node why", {
        WHAT_BROKE "while \"{step}\" was under way; {node} has not been able to ask {on} since what became of it[: {why}].",
        "「{step}」の処理中、" WHAT_BROKE_JA "{node} は {on} に結果を確認できていません[: {why}]。"}},
    [TEXT_HOW_STATUS] = {"status", {"with status {status}", "終了コード {status}"}},
    [TEXT_HOW_SIGNAL] = {"signal", {"by signal {signal}", "シグナル {signal}"}},
    [TEXT_HOW_TIMEOUT] = {"", {"since its time ran out", "時間切れ"}},
    [TEXT_THE_DATABASE] = {"", {"the database", "データベース"}},
    [TEXT_SOME_WORKER] = {"", {"of an earlier claim", "（名称不明）"}},
    [TEXT_THEN + UNSURE_VERIFY] = {"", {"As the scenario says, it is now checked whether it helped",
        "シナリオの指定に従い、効果の有無を確認します"}},
    [TEXT_THEN + UNSURE_RERUN] = {"", {"As the scenario says, it is started once more", "シナリオの指定に従い、再実行します"}},
    [TEXT_THEN + UNSURE_HAND_OVER] = {"", {"As the scenario says, a person goes on from here",
        "シナリオの指定に従い、担当者に引き継ぎます"}},
    [TEXT_TOKEN_ENDED] = {"node on age step how took", {
        "{node} has now asked {on}, {age} after the hand-over: \"{step}\" had ended[ {how}][ after {took}]. " NOTHING_STARTS,
        "引き継ぎから{age}後、{node} が {on} に確認しました。「{step}」は[開始から{took}で]終了しています[（{how}）]。" NOTHING_STARTS_JA}},
    [TEXT_TOKEN_NEVER] = {"node on age step", {
        "{node} has now asked {on}, {age} after the hand-over: \"{step}\" never started there. " NOTHING_STARTS,
        "引き継ぎから{age}後、{node} が {on} に確認しました。「{step}」は開始されていません。" NOTHING_STARTS_JA}},
    [TEXT_TOKEN_LOST] = {"node on age step", {
        "{node} has now asked {on}, {age} after the hand-over: \"{step}\" had begun there, and no record says how it ended. "
        NOTHING_STARTS,
        "引き継ぎから{age}後、{node} が {on} に確認しました。「{step}」の開始の記録はありますが、結果の記録がありません。" NOTHING_STARTS_JA}},
    [TEXT_TOKEN_FORGOTTEN] = {"node on age step", {
        "{node} has now asked {on}, {age} after the hand-over: it has rebooted or lost its records, so nobody can tell whether "
        "\"{step}\" ran there. " NOTHING_STARTS,
        "引き継ぎから{age}後、{node} が {on} に確認しました。再起動または記録の消失のため、「{step}」の実行の有無は確認できません。"
        NOTHING_STARTS_JA}},
    [TEXT_TOKEN_EXPIRED] = {"node on age step why", {
        "{on} could not be asked for {age} what became of \"{step}\"[: {why}]. firstline asks no more.",
        "{age}の間 {on} に「{step}」の結果を確認できませんでした[: {why}]。確認を終了します。"}},

    [TEXT_TAKES_S] = {"s", {"{s} s", "{s}秒"}},
    [TEXT_TAKES_MIN] = {"min s", {"{min} min[ {s} s]", "{min}分[{s}秒]"}},
    [TEXT_TAKES_H] = {"h min", {"{h} h[ {min} min]", "{h}時間[{min}分]"}},

    [TEXT_FOUND_NAMED_IS] = {"subject phrase", {"{subject} is {phrase}", "{subject} は {phrase}"}},
    [TEXT_FOUND_NAMED] = {"subject phrase", {"{subject}: {phrase}", "{subject}: {phrase}"}},
    [TEXT_FOUND_RULE] = {"rule", {", healthy is {rule}", "（正常: {rule}）"}},
    [TEXT_FOUND_RULE_NOT] = {"rule", {", healthy is not {rule}", "（正常: {rule} 以外）"}},
    [TEXT_FOUND_QUOTED] = {"found", {"\"{found}\"", "「{found}」"}},
    [TEXT_FOUND_STATUS] = {"found", {"exit status {found}", "終了コード {found}"}},
    [TEXT_FOUND_NOTHING] = {"", {"no output", "出力なし"}},
    [TEXT_FOUND_NEVER_RAN] = {"", {"the step has no result", "結果なし"}},
    [TEXT_FOUND_TIMEOUT] = {"", {"its time ran out", "時間切れ"}},
    [TEXT_FOUND_LOST] = {"", {"the connection was lost", "接続断"}},
    [TEXT_FOUND_SIGNAL] = {"found", {"it was ended by signal {found}", "シグナル {found} で終了"}},
    [TEXT_FOUND_NO_COMMAND] = {"found", {"exit status {found}: a command was not found",
        "終了コード {found}: コマンドが見つかりません"}},
    [TEXT_FOUND_NOT_EXECUTABLE] = {"found", {"exit status {found}: a command could not be executed",
        "終了コード {found}: コマンドを実行できません"}},
    [TEXT_FOUND_BAD_STATUS] = {"found", {"exit status {found}, so what it printed is not believed",
        "終了コード {found} のため出力は判定に使いません"}},
    [TEXT_FOUND_CUT] = {"", {"its output was longer than is kept", "出力が長すぎて全体を保存できません"}},
    [TEXT_FOUND_NOT_A_NUMBER] = {"found", {"\"{found}\" is not one number", "「{found}」は数値ではありません"}},
    [TEXT_FOUND_UNIT] = {"found kind", {"\"{found}\" is not {kind}", "「{found}」は{kind}ではありません"}},
    [TEXT_FOUND_PATTERN_LIMIT] = {"", {"the pattern took too long on it", "パターンの照合が制限を超えました"}},

    [TEXT_VALUE] = {"name", {"the value \"{name}\"", "値「{name}」"}},
    [TEXT_VALUE_TARGET] = {"", {"the target host", "対象ホスト"}},
    [TEXT_VALUE_NOT_FOUND] = {"subject places",
        {"{subject} was not found; looked in {places}", "{subject}が見つかりません (確認先: {places})"}},
    [TEXT_VALUE_ODD] = {"subject source what type",
        {"{subject}: {source} is {what}, not {type}", "{subject}: {source} は{what}で、{type} ではありません"}},
    [TEXT_VALUE_WRONG] = {"subject source seen why",
        {"{subject}: {source} is \"{seen}\", which {why}", "{subject}: {source} の「{seen}」は{why}"}},
    [TEXT_VALUE_DIFFERS] = {"subject source list",
        {"{subject} is not clear: the incident's alerts differ in {source}: {list}",
            "{subject}を決められません。アラートの {source} が一致しません: {list}"}},
    [TEXT_MISS] = {"source why", {"{source} ({why})", "{source} ({why})"}},
    [TEXT_MISS_TOKEN] = {"token problem",
        {"not in the token \"{token}\"[, {problem}]", "トークン「{token}」になし[、{problem}]"}},
    [TEXT_MISS_NO_TOKEN] = {"",
        {"the title has no token of this scenario", "件名にこのシナリオのトークンなし"}},
    [TEXT_MISS_TITLE] = {"", {"the title does not have it", "件名になし"}},
    [TEXT_MISS_NO_ALERT] = {"", {"the incident has no alert", "インシデントにアラートなし"}},
    [TEXT_MISS_ONE_ALERT] = {"", {"the alert does not have it", "アラートになし"}},
    [TEXT_MISS_ALERTS] = {"count", {"none of {count} alerts has it", "{count} 件のアラートのいずれにもなし"}},
    [TEXT_MISS_NOT_SET] = {"", {"not set", "未設定"}},
};

const struct story_phrase story_phrases[] = {
    /* enum run_phase: what it was doing */
    {{"reading the run from the database", "開始前"}},
    {{"fetching its scenario and inventory", "シナリオとインベントリの取得"}},
    {{"reading its journal", "実行記録の読み込み"}},
    {{"reading the incident", "インシデントの読み込み"}},
    {{"writing the start", "開始の記録"}},
    {{"getting to know the machine", "マシンへの接続確認"}},
    {{"asking the guards", "実行可否の確認"}},
    {{"asking PagerDuty whether a person took over", "PagerDuty への対応状況の確認"}},
    {{"running a step on the machine", "マシンでのステップ実行"}},
    {{"asking the machine what became of a recover", "マシンへの処置結果の確認"}},
    {{"writing what came back", "結果の記録"}},
    {{"waiting to look again", "再確認の待機"}},
    {{"reading the alerts again", "アラートの再確認"}},
    {{"writing the ending", "終了の記録"}},
    {{"done", "完了"}},
    /* a person's hand */
    {{"acknowledged it", "Acknowledge"}},
    {{"escalated it", "エスカレーション"}},
    {{"reassigned it", "担当変更"}},
    {{"delegated it", "委任"}},
    {{"changed its priority", "優先度の変更"}},
    {{"noted on it", "ノートの追加"}},
    {{"noted: firstline stop", "ノート「firstline stop」"}},
    {{"resolved it", "解決"}},
    {{"merged it", "マージ"}},
    /* an incident's status */
    {{"gone", "存在しません"}},
    {{"resolved", "解決済み"}},
    /* a recover's attempt */
    {{"the machine's memory or boot has changed", "マシンが再起動したか、記録が失われました"}},
    {{"it was still running", "まだ実行中でした"}},
    {{"its outcome cannot be learnt from the machine", "マシンの記録から結果を確認できません"}},
    {{"the machine could not be reached in time", "時間内にマシンへ到達できませんでした"}},
    {{"this worker could not show its lease", "ワーカーのリースを確認できませんでした"}},
    /* enum wrapper_verdict */
    {{"unreadable", "応答を解釈できません"}},
    {{"cut off", "応答が途中で切れました"}},
    {{"ended", "終了"}},
    {{"running", "実行中"}},
    {{"never started", "未開始"}},
    {{"outcome lost", "結果の記録なし"}},
    {{"machine busy", "マシンは別の処置を実行中"}},
    {{"refused: a newer holder was there", "拒否: より新しい実行があります"}},
    {{"refused: the machine has forgotten", "拒否: マシンの記録が失われています"}},
    {{"no usable folder", "使用できる記録用フォルダーがありません"}},
    {{"could not become the user", "指定ユーザーに切り替えられません"}},
    {{"the machine lacks something", "マシンに必要なものがありません"}},
    /* enum quantity_kind */
    {{"a percentage", "パーセント値"}},
    {{"a size", "サイズ"}},
    {{"a time", "時間"}},
    {{"a number", "数値"}},
    /* value_check: why a value is refused */
    {{"has a NUL byte", "NUL バイトを含みます"}},
    {{"is not valid UTF-8", "正しい UTF-8 ではありません"}},
    {{"is empty", "空です"}},
    {{"is too long", "長すぎます"}},
    {{"is no host's name (letters, digits, . - _ and : only)", "ホスト名ではありません (英数字と . - _ : のみ)"}},
    {{"is no host's name (it begins with another sign than a letter, digit or :)", "ホスト名ではありません (先頭は英数字か :)"}},
    {{"is not one word (letters, digits and . _ @ : + - only)", "1 語ではありません (英数字と . _ @ : + - のみ)"}},
    {{"is no word (it must begin with a letter or digit)", "語ではありません (先頭は英数字)"}},
    {{"is not an absolute path", "絶対パスではありません"}},
    {{"has a part \"..\"", "「..」を含みます"}},
    {{"has a control character", "制御文字を含みます"}},
    {{"is less than the least that is allowed", "下限より小さい値です"}},
    {{"is more than the most that is allowed", "上限より大きい値です"}},
    {{"is not a whole number", "整数ではありません"}},
    {{"is a larger number than can be handled", "扱える範囲を超える数です"}},
    {{"is no duration such as 90s, 5m or 1h30m", "時間 (90s、5m、1h30m など) ではありません"}},
    {{"is not a whole number of seconds", "秒単位の整数ではありません"}},
    {{"is no percentage such as 85 or 97.5%", "パーセント値 (85、97.5% など) ではありません"}},
    {{"is more than 100 percent", "100 パーセントを超えます"}},
    {{"is none of the values that are allowed", "許可された値ではありません"}},
    {{"a list", "リスト"}},
    {{"a group of fields", "フィールドの集まり"}},
    /* faults and lists */
    {{"this node has no scenarios or no inventory loaded", "このノードにシナリオまたはインベントリが読み込まれていません"}},
    {{"its scenario is not in the set that it names", "シナリオが指定のセットにありません"}},
    {{"out of memory", "メモリー不足"}},
    {{"more alerts than can be read", "読み込める件数を超えるアラート"}},
    {{"more than fit here", "多数"}},
    {{NULL, NULL}},
};

const struct story_reason_row story_reasons[ENDING_REASONS] = {
    [WHY_CANNOT_TELL] = {{"step", "why"}, {TEXT_NEXT_SSH, TEXT_NEXT_SHOW}},
    [WHY_NOT_HEALED] = {.hints = {TEXT_NEXT_SSH, TEXT_NEXT_SHOW}},
    [WHY_NO_SCENARIO] = {{"title"}, {TEXT_NEXT_MATCH}},
    [WHY_NO_SCENARIOS] = {{"title"}, {TEXT_NEXT_SCENARIOS}},
    [WHY_NO_CUSTOMER] = {{"name"}, {TEXT_NEXT_CUSTOMER}},
    [WHY_VALUE] = {{"problem"}, {TEXT_NEXT_VALUE, TEXT_NEXT_SHOW}},
    [WHY_HOST_UNKNOWN] = {{"name", "owner", "from"}, {TEXT_NEXT_INVENTORY}},
    [WHY_HOST_AMBIGUOUS] = {{"name", "owner", "from"}, {TEXT_NEXT_AMBIGUOUS}},
    [WHY_HOSTS_DIFFER] = {{"names"}, {TEXT_NEXT_HOSTS}},
    [WHY_NO_LONGER_OPEN] = {.details = {"status"}},
    [WHY_NEW_ALERT] = {{"alerts"}, {TEXT_NEXT_NEW_ALERT, TEXT_NEXT_SHOW}},
    [WHY_ALERTS_UNREADABLE] = {{"error"}, {TEXT_NEXT_ALERTS, TEXT_NEXT_SHOW}},
    [WHY_PERSON] = {.details = {"who", "how"}},
    [WHY_CLOSED] = {.details = {"who", "how"}},
    [WHY_STOP_SWITCH] = {{"scope", "key", "who", "why"}, {TEXT_NEXT_SSH, TEXT_NEXT_SHOW, TEXT_NEXT_GO}},
    [WHY_RECURRENCE] = {{"count", "hours"}, {TEXT_NEXT_CAUSE, TEXT_NEXT_SSH, TEXT_NEXT_SHOW}},
    [WHY_NO_STANDBY] = {.hints = {TEXT_NEXT_STANDBY, TEXT_NEXT_SSH, TEXT_NEXT_SHOW}},
    [WHY_BLIND] = {{"error"}, {TEXT_NEXT_BLIND, TEXT_NEXT_SSH, TEXT_NEXT_SHOW}},
    [WHY_GIVE_UP] = {{"doing"}, {TEXT_NEXT_SSH, TEXT_NEXT_SHOW}},
    [WHY_DOUBT] = {{"step", "on", "why", "holder"}, {TEXT_NEXT_DOUBT, TEXT_NEXT_SSH, TEXT_NEXT_SHOW}},
    [WHY_SSH] = {{"step", "on", "error"}, {TEXT_NEXT_REACH, TEXT_NEXT_SSH, TEXT_NEXT_SHOW}},
    [WHY_MACHINE] = {{"step", "on", "said"}, {TEXT_NEXT_MACHINE, TEXT_NEXT_SSH, TEXT_NEXT_SHOW}},
    [WHY_BUSY] = {{"step", "on", "holder"}, {TEXT_NEXT_BUSY, TEXT_NEXT_SSH, TEXT_NEXT_SHOW}},
    [WHY_SHADOW] = {.hints = {TEXT_NEXT_SSH, TEXT_NEXT_SHOW}},
    [WHY_MODE] = {{"mode"}, {TEXT_NEXT_SSH, TEXT_NEXT_SHOW}},
    [WHY_FAULT] = {{"error"}, {TEXT_NEXT_LOG, TEXT_NEXT_SHOW}},
};

const char *story_words(enum policy_language language, enum story_text text)
{
    return story_sentences[text].in[language];
}

const char *story_phrase(enum policy_language language, const char *english)
{
    for (const struct story_phrase *p = story_phrases; p->in[LANGUAGE_EN]; p++)
        if (strcmp(p->in[LANGUAGE_EN], english) == 0)
            return p->in[language];
    return english;
}

/* --- filling ------------------------------------------------------------------------------------------------------ */

void story_args_set(struct story_args *a, const char *name, const char *value)
{
    int i = 0;
    while (i < a->count && strcmp(a->items[i].name, name) != 0)
        i++;
    assert(i < STORY_ARGS_MAX);
    a->items[i] = (struct story_arg){name, value ? value : ""};
    a->count += i == a->count;
}

static const char *find(const struct story_args *a, const char *name, size_t bytes)
{
    for (int i = 0; a && i < a->count; i++)
        if (strlen(a->items[i].name) == bytes && memcmp(a->items[i].name, name, bytes) == 0)
            return a->items[i].value;
    return "";
}

void story_add(struct buf *out, const char *text, size_t bytes)
{
    size_t room = out->bytes_max - out->bytes;
    size_t keep = text_cut(text, bytes, bytes, room < bytes ? room : bytes);
    (void)buf_add(out, text, keep); /* fails without memory only: then out->over tells */
}

static bool is_stop(const char *p, size_t *out_bytes)
{
    *out_bytes = *p == '.' ? 1 : strncmp(p, "。", 3) == 0 ? 3 : 0;
    return *out_bytes > 0;
}

/* A value on one line. Where the sentence has a full stop behind it, one that the value ends with is dropped. */
static void add_value(struct buf *out, const char *value, const char *behind)
{
    struct buf line;
    buf_init(&line, STORY_VALUE_CHARS_MAX * 4);
    text_one_line(value, strlen(value), &line);
    const char *text = buf_text(&line);
    size_t n = text_cut(text, line.bytes, STORY_VALUE_CHARS_MAX, line.bytes), stop;
    bool cut = n < line.bytes || line.over;
    while (!cut && *behind == ']')
        behind++;
    if (!cut && is_stop(behind, &stop)) {
        while (n > 0 && text[n - 1] == '.')
            n--;
        while (n >= 3 && memcmp(text + n - 3, "。", 3) == 0)
            n -= 3;
    }
    story_add(out, text, n);
    if (cut)
        story_add(out, "...", 3);
    buf_done(&line);
}

/* Where the part that began before p ends: at its bracket. */
static const char *closing(const char *p)
{
    for (int deep = 1; *p; p++) {
        deep += (*p == '[') - (*p == ']');
        if (deep == 0)
            break;
    }
    assert(*p == ']');
    return p;
}

/* Whether no argument of this part, without the parts inside it, is empty. */
static bool part_holds(const char *from, const char *to, const struct story_args *a)
{
    for (const char *p = from; p < to; p++) {
        if (*p == '[') {
            p = closing(p + 1);
        } else if (*p == '{') {
            const char *end = strchr(p, '}');
            if (find(a, p + 1, (size_t)(end - p - 1))[0] == '\0')
                return false;
            p = end;
        }
    }
    return true;
}

/* Parts do not nest deeper than two: the recursion is bounded by the table. */
static void fill(struct buf *out, const char *from, const char *to, const struct story_args *a)
{
    for (const char *p = from; p < to;) {
        size_t plain = strcspn(p, "{[");
        if (plain > (size_t)(to - p))
            plain = (size_t)(to - p);
        story_add(out, p, plain);
        p += plain;
        if (p == to)
            return;
        const char *end = *p == '{' ? strchr(p, '}') : closing(p + 1);
        if (*p == '{')
            add_value(out, find(a, p + 1, (size_t)(end - p - 1)), end + 1);
        else if (part_holds(p + 1, end, a))
            fill(out, p + 1, end, a);
        p = end + 1;
    }
}

void story_say(struct buf *out, enum policy_language language, enum story_text text, const struct story_args *a)
{
    const char *sentence = story_sentences[text].in[language];
    assert(sentence);
    struct buf whole; /* apart, so that a small out gets the sentence's beginning */
    buf_init(&whole, SENTENCE_BYTES_MAX);
    fill(&whole, sentence, sentence + strlen(sentence), a);
    story_add(out, buf_text(&whole), whole.bytes);
    buf_done(&whole);
}
