import { retryParked } from '@commitcast/outbox'
import { listInstances, readParkedOf, showInstance } from '@commitcast/stream'
import type { Command } from 'commander'
import { CommandFailed } from '../explain-failure.ts'
import { printResult } from '../print-result.ts'
import { instanceInFullText, instancesText } from '../process-text.ts'
import { addSettings } from '../settings.ts'
import { whoAmI } from '../who-am-i.ts'
import { wholeNumber } from '../whole-number.ts'
import { withTable } from '../with-table.ts'

const table = 'process_instance'

/** `commitcast process`: the instances of process managers, what each did, and what each waits for. */
export function addProcessCommand(program: Command): void {
  const process = program
    .command('process')
    .description('look at the instances of processes, or retry a parked one')
    .helpCommand(false)
  addList(process)
  addShow(process)
  addRetry(process)
}

interface ListFlags {
  readonly json?: boolean
  readonly limit: number
  readonly status?: string
  readonly running?: boolean
  readonly parked?: boolean
}

function addList(parent: Command): void {
  const command = parent
    .command('list')
    .description('show instances: status, next time-out, parked events')
    .argument('[process]', 'only of this process')
    .option('--json', 'print one JSON object')
    .option('--limit <n>', 'how many at most', wholeNumber, 100)
    .option('--status <status>', 'only those in this status')
    .option('--running', 'only those that have not finished')
    .option('--parked', 'only those that wait behind a parked event')
  addSettings(command, ['database', 'schema']).action(
    async (process: string | undefined, { limit, status, running = false, parked = false, ...flags }: ListFlags) => {
      const wanted = { ...(process !== undefined && { process }), ...(status !== undefined && { status }) }
      const found = await withTable(command, table, ({ sql, schema }) =>
        listInstances(sql, { schema, ...wanted, onlyRunning: running, onlyParked: parked, limit: limit + 1 }),
      )
      const list = { instances: found.slice(0, limit), hasMore: found.length > limit }
      printResult(flags, list, () => instancesText(list))
    },
  )
}

const which = (command: Command) =>
  command.argument('<process>', 'the name of the process').argument('<instance>', 'the id of the instance')

function addShow(parent: Command): void {
  const command = which(parent.command('show'))
    .description('show one instance with its state, its time-outs and its history')
    .option('--json', 'print one JSON object')
  addSettings(command, ['database', 'schema']).action(
    async (process: string, instance: string, flags: { json?: boolean }) => {
      const shown = await withTable(command, table, ({ sql, schema }) =>
        showInstance(sql, { schema, process, instance }),
      )
      if (!shown) throw new CommandFailed(unknownText(process, instance))
      const { stateText, ...json } = shown
      printResult(flags, json, () => instanceInFullText(shown))
    },
  )
}

function addRetry(parent: Command): void {
  const command = which(parent.command('retry'))
    .description('try the parked events of an instance again, the first one first')
    .option('--json', 'print one JSON object')
  addSettings(command, ['database', 'schema']).action(
    async (process: string, instance: string, flags: { json?: boolean }) => {
      const retried = await withTable(command, table, async ({ sql, schema }) => {
        const ids = await readParkedOf(sql, { schema, process, instance })
        const done = await retryParked(sql, { schema, ids, group: process, actor: whoAmI() })
        return done.map(({ id }) => id)
      })
      if (retried.length === 0) {
        throw new CommandFailed(`No event of the instance ${JSON.stringify(instance)} of "${process}" is parked.`)
      }
      const events = retried.length === 1 ? '1 event' : `${retried.length} events`
      printResult(flags, { retried }, () => `${events} of ${JSON.stringify(instance)} will be tried again.\n`)
    },
  )
}

function unknownText(process: string, instance: string): string {
  return `There is no instance ${JSON.stringify(instance)} of a process "${process}". See "commitcast process list".`
}
