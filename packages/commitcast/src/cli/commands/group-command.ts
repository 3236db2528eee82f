import {
  cancelRebuild,
  ForgetRefused,
  forgetType,
  type GroupStatus,
  type GroupTarget,
  listRebuilds,
  RebuildRefused,
  ResetRefused,
  readGroups,
  resetGroup,
  startRebuild,
} from '@commitcast/stream'
import { type Command, InvalidArgumentError } from 'commander'
import { InvalidConfig } from '../../process/invalid-config.ts'
import { CommandFailed } from '../explain-failure.ts'
import { groupsText, rebuildsText } from '../groups-text.ts'
import { failWith, printResult } from '../print-result.ts'
import { addSettings } from '../settings.ts'
import { withTable } from '../with-table.ts'

const table = 'group_offset'

/** `commitcast group`: how far consumer groups are, moving one, rebuilding a read model, and forgetting an event type. */
export function addGroupCommand(program: Command): void {
  const group = program
    .command('group')
    .description('show consumer groups, move one, or rebuild one')
    .helpCommand(false)
  addList(group)
  addReset(group)
  addRebuild(group)
  addForgetType(group)
}

function addList(group: Command): void {
  const command = group
    .command('list')
    .description('show each group: how far it is in each partition, and what it has parked')
    .option('--json', 'print one JSON object')
  addSettings(command, ['database', 'schema']).action(async (flags: { json?: boolean }) => {
    const groups = await withTable(command, table, ({ sql, schema }) => readGroups(sql, schema))
    printResult(flags, { groups } satisfies GroupsFound, () => groupsText(groups))
  })
}

interface GroupsFound {
  readonly groups: readonly GroupStatus[]
}

interface ResetFlags {
  readonly to: GroupTarget
  readonly partition?: number
  readonly json?: boolean
}

function addReset(group: Command): void {
  const command = group
    .command('reset')
    .description('put a group elsewhere, also while it runs; what comes again has its effects again')
    .argument('<group>', 'its name, as "commitcast group list" shows it')
    .requiredOption('--to <place>', placesText, target)
    .option('--partition <n>', 'only this partition', partitionNumber)
    .option('--json', 'print one JSON object')
  addSettings(command, ['database', 'schema']).action(async (name: string, flags: ResetFlags) => {
    const { to, partition } = flags
    const places = await withTable(command, table, ({ sql, schema }) =>
      resetGroup(sql, { schema, group: name, target: to, ...(partition !== undefined && { partition }) }),
    ).catch(refused)
    printResult(flags, { group: name, places }, () => places.map(placeText).join(''))
  })
}

interface RebuildFlags {
  readonly fromKept?: boolean
  readonly cancel?: boolean
  readonly json?: boolean
}

function addRebuild(group: Command): void {
  const command = group
    .command('rebuild')
    .description("build a projection's tables anew beside the live ones; its workers switch over")
    .argument('[group]', 'its name; without one: show the rebuilds that run')
    .option('--from-kept', 'begin with the first event that is still kept, where earlier ones are gone')
    .option('--cancel', 'give its rebuild up; the live tables stay as they are')
    .option('--json', 'print one JSON object')
  addSettings(command, ['database', 'schema']).action(async (name: string | undefined, flags: RebuildFlags) => {
    const { fromKept = false, cancel = false } = flags
    if (cancel && name === undefined) throw new InvalidConfig('--cancel needs the name of a group.')
    await withTable(command, table, async ({ sql, schema }) => {
      if (cancel && !(await cancelRebuild(sql, { schema, group: name! }))) {
        throw new CommandFailed(`The group "${name}" is not being rebuilt. See "commitcast group rebuild".`)
      }
      if (!cancel && name !== undefined) await startRebuild(sql, { schema, group: name, fromKept })
      const rebuilds = await listRebuilds(sql, { schema })
      printResult(flags, { rebuilds }, () => rebuildsText(rebuilds))
    }).catch(refused)
  })
}

function addForgetType(group: Command): void {
  const command = group
    .command('forget-type')
    .description('let workers pass over the events of a type that only a release handles which runs no more')
    .argument('<group>', 'its name, as "commitcast group list" shows it; "live" for stream workers')
    .argument('<type>', 'the event type, as GROUP_TYPE_UNKNOWN names it')
    .option('--json', 'print one JSON object')
  addSettings(command, ['database', 'schema']).action(async (name: string, type: string, flags: { json?: boolean }) => {
    const isForgotten = await withTable(command, 'group_release', ({ sql, schema }) =>
      forgetType(sql, { schema, group: name, type }),
    ).catch(refused)
    if (!isForgotten) throw new CommandFailed(`No release of the group "${name}" handles "${type}".`)
    const text = `"${name}" has forgotten "${type}": workers that do not handle it pass over its events.\n`
    printResult(flags, { group: name, type }, () => text)
  })
}

function placeText({ partition, offset, epoch }: Awaited<ReturnType<typeof resetGroup>>[number]): string {
  const where = offset === 0 ? 'at the beginning' : `after offset ${offset}`
  return `partition ${partition}: continues ${where} of epoch ${epoch}\n`
}

const refused = failWith(ResetRefused, RebuildRefused, ForgetRefused)

const placesText = 'beginning, end, an offset ("1200": it continues with 1201), or a time ("2026-01-31T08:00:00Z")'

function target(text: string): GroupTarget {
  if (text === 'beginning' || text === 'end') return { to: text }
  if (/^\d{1,15}$/.test(text)) return { to: 'offset', offset: Number(text) }
  // Without a zone a time would mean another moment on another machine.
  if (/^\d{4}-\d{2}-\d{2}T.*(Z|[+-]\d{2}:?\d{2})$/.test(text) && !Number.isNaN(Date.parse(text))) {
    return { to: 'time', time: new Date(text) }
  }
  throw new InvalidArgumentError(`It has to be ${placesText}.`)
}

function partitionNumber(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It has to be the number of a partition, from 0 on.')
}
