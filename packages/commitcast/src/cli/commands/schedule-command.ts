import { cancelScheduled, type HandleScheduledOptions, listScheduled, retryScheduled } from '@commitcast/outbox'
import type { Sql } from '@commitcast/worker'
import type { Command } from 'commander'
import { CommandFailed } from '../explain-failure.ts'
import { printResult } from '../print-result.ts'
import { scheduledText } from '../scheduled-text.ts'
import { addSettings } from '../settings.ts'
import { wholeNumber } from '../whole-number.ts'
import { withTable } from '../with-table.ts'

const table = 'scheduled_event'

/** `commitcast schedule`: the events that wait for their time. */
export function addScheduleCommand(program: Command): void {
  const schedule = program
    .command('schedule')
    .description('look at scheduled events, cancel one, or try one again')
    .helpCommand(false)
  addList(schedule)
  for (const verb of verbs) addHandling(schedule, verb)
}

interface ListFlags {
  readonly json?: boolean
  readonly limit: number
  readonly owner?: string
  readonly refused?: boolean
}

function addList(schedule: Command): void {
  const command = schedule
    .command('list')
    .description('show the events that wait for their time, the next first')
    .option('--json', 'print one JSON object')
    .option('--limit <n>', 'how many at most', wholeNumber, 100)
    .option('--owner <owner>', 'only of this owner: "" for those of cast.schedule')
    .option('--refused', 'only those that the outbox refused')
  addSettings(command, ['database', 'schema']).action(
    async ({ limit, owner, refused = false, ...flags }: ListFlags) => {
      const found = await withTable(command, table, ({ sql, schema }) =>
        listScheduled(sql, { schema, limit: limit + 1, onlyRefused: refused, ...(owner !== undefined && { owner }) }),
      )
      const list = { scheduled: found.slice(0, limit), hasMore: found.length > limit }
      printResult(flags, list, () => scheduledText(list))
    },
  )
}

interface Verb {
  readonly name: string
  readonly about: string
  readonly word: string
  readonly none: string
  handle(sql: Sql, options: HandleScheduledOptions): Promise<boolean>
}

const verbs: readonly Verb[] = [
  {
    name: 'cancel',
    about: 'cancel one: it never fires',
    word: 'cancelled',
    none: 'No event is scheduled',
    handle: cancelScheduled,
  },
  {
    name: 'retry',
    about: 'have the relay try one again that the outbox refused',
    word: 'retried',
    none: 'The outbox has refused no scheduled event',
    handle: retryScheduled,
  },
]

interface HandleFlags {
  readonly json?: boolean
  readonly owner?: string
}

function addHandling(schedule: Command, { name: verb, about, word, none, handle }: Verb): void {
  const command = schedule
    .command(verb)
    .description(about)
    .argument('<name>', 'its name, as "commitcast schedule list" shows it')
    .option('--owner <owner>', 'its owner; default that of cast.schedule')
    .option('--json', 'print one JSON object')
  addSettings(command, ['database', 'schema']).action(async (name: string, { owner = '', ...flags }: HandleFlags) => {
    const isDone = await withTable(command, table, ({ sql, schema }) => handle(sql, { schema, owner, name }))
    const of = owner === '' ? '' : ` of the owner ${JSON.stringify(owner)}`
    if (!isDone) {
      throw new CommandFailed(`${none} under the name ${JSON.stringify(name)}${of}. See "commitcast schedule list".`)
    }
    printResult(flags, { [word]: { owner, name } }, () => `${JSON.stringify(name)}${of} is ${word}.\n`)
  })
}
