import { dropParked, listParked, retryParked, showParked } from '@commitcast/outbox'
import { type Command, InvalidArgumentError } from 'commander'
import { InvalidConfig } from '../../process/invalid-config.ts'
import { CommandFailed } from '../explain-failure.ts'
import { handledText, parkedInFullJson, parkedInFullText, parkedText } from '../parked-text.ts'
import { printResult } from '../print-result.ts'
import { addSettings } from '../settings.ts'
import { whoAmI } from '../who-am-i.ts'
import { wholeNumber } from '../whole-number.ts'
import { withTable } from '../with-table.ts'

const table = 'parked'

interface Handling {
  readonly about: string
  readonly word: 'retried' | 'dropped'
  readonly handle: typeof retryParked
}

const verbs: Readonly<Record<string, Handling>> = {
  retry: {
    about: 'try them again; what the broker refused is appended anew',
    word: 'retried',
    handle: retryParked,
  },
  drop: {
    about: 'remove them for good; what waits behind them continues',
    word: 'dropped',
    handle: dropParked,
  },
}

/** `commitcast parked`: what was taken out of the way, to be looked at, retried or dropped. */
export function addParkedCommand(program: Command): void {
  const parked = program.command('parked').description('look at parked events, retry or drop them').helpCommand(false)
  addList(parked)
  addShow(parked)
  for (const [name, handling] of Object.entries(verbs)) addHandling(parked, name, handling)
}

const onlyGroup = 'only what this group parked; "relay" for what the broker refused'

interface ListFlags {
  readonly json?: boolean
  readonly limit: number
  readonly after?: string
  readonly group?: string
}

function addList(parked: Command): void {
  const command = parked
    .command('list')
    .description('show the parked events, the first parked first')
    .option('--json', 'print one JSON object')
    .option('--limit <n>', 'how many at most', wholeNumber, 100)
    .option('--after <id>', 'only what comes after this id', parkedId)
    .option('--group <name>', onlyGroup)
  addSettings(command, ['database', 'schema']).action(async ({ limit, after = '0', group, ...flags }: ListFlags) => {
    const found = await withTable(command, table, ({ sql, schema }) =>
      listParked(sql, { schema, after, limit: limit + 1, ...(group !== undefined && { group }) }),
    )
    const list = { parked: found.slice(0, limit), hasMore: found.length > limit }
    printResult(flags, list, () => parkedText(list))
  })
}

function addShow(parked: Command): void {
  const command = parked
    .command('show')
    .description('show one parked event with its content and its history')
    .argument('<id>', 'its id, as "commitcast parked list" shows it', parkedId)
    .option('--json', 'print one JSON object')
  addSettings(command, ['database', 'schema']).action(async (id: string, { json = false }: { json?: boolean }) => {
    const event = await withTable(command, table, ({ sql, schema }) => showParked(sql, { schema, id }))
    if (!event) throw new CommandFailed(`Nothing is parked under ${id}. See "commitcast parked list".`)
    process.stdout.write(json ? parkedInFullJson(event) : parkedInFullText(event))
  })
}

interface HandleFlags {
  readonly all?: boolean
  readonly json?: boolean
  readonly group?: string
}

function addHandling(parked: Command, name: string, { about, word, handle }: Handling): void {
  const command = parked
    .command(name)
    .description(about)
    .argument('[ids...]', 'their ids, as "commitcast parked list" shows them', collectIds)
    .option('--all', 'all that are parked, in place of ids')
    .option('--group <name>', onlyGroup)
    .option('--json', 'print one JSON object')
  addSettings(command, ['database', 'schema']).action(
    async (ids: readonly string[], { all = false, json = false, group }: HandleFlags) => {
      if (all === ids.length > 0) {
        throw new InvalidConfig(
          'Give either the ids of parked events or --all. "commitcast parked list" shows what is parked.',
        )
      }
      const handled = await withTable(command, table, ({ sql, schema }) =>
        handle(sql, { schema, ids: all ? 'all' : ids, actor: whoAmI(), ...(group !== undefined && { group }) }),
      )
      const done = handled.map((event) => event.id)
      const unknown = ids.filter((id) => !done.includes(id))
      if (json) process.stdout.write(`${JSON.stringify({ [word]: done, unknown })}\n`)
      else if (all || done.length > 0) process.stdout.write(handledText(word, done))
      if (unknown.length > 0) throw new CommandFailed(unknownText(unknown, word))
    },
  )
}

function unknownText(ids: readonly string[], word: string): string {
  return (
    `Not ${word}, because nothing is parked under ${ids.join(', ')}, or another process handles it just now. ` +
    'See "commitcast parked list".'
  )
}

function collectIds(text: string, before: readonly string[] = []): readonly string[] {
  return [...new Set([...before, parkedId(text)])]
}

function parkedId(text: string): string {
  if (/^[1-9]\d{0,17}$/.test(text)) return text
  throw new InvalidArgumentError('It has to be an id as "commitcast parked list" shows them, a whole number.')
}
