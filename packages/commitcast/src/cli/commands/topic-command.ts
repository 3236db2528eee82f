import { defaultSchema, NewEpochRefused, newEpoch, sqlOf, type TopicShape } from '@commitcast/outbox'
import { InvalidConfig, type Sql } from '@commitcast/worker'
import { type Command, InvalidArgumentError } from 'commander'
import { CommandFailed } from '../explain-failure.ts'
import { findTopic } from '../find-topic.ts'
import { openDatabase } from '../open-database.ts'
import { refilledText, refillTopic } from '../refill-topic.ts'
import { addSettings, readSettings } from '../settings.ts'

/** `commitcast topic`: for the days when a topic can't simply go on. */
export function addTopicCommand(program: Command): void {
  const topic = program.command('topic').description('begin a new epoch, or refill what a broker lost')
  addNewEpoch(topic)
  addRefill(topic)
}

interface NewEpochFlags {
  readonly from?: number
  readonly restoredUpTo?: number
  readonly json?: boolean
}

function addNewEpoch(topic: Command): void {
  const command = topic
    .command('new-epoch')
    .description('end the present epoch: what has no offset yet gets one in the next, from 1 on')
    .option('--from <epoch>', 'the epoch to end (default: the present one); a second call with it does nothing', epoch)
    .option('--restored-up-to <position>', 'the highest position that came with a restored dump, where it asks', place)
    .option('--json', 'print one JSON object')
  addSettings(command, ['database', 'schema']).action(async (flags: NewEpochFlags) => {
    const { database, schema } = readSettings(command, { needed: ['database'], optional: ['schema'] })
    await withTopic({ database, schema }, async (sql, schema, present) => {
      const { from = present.epoch, restoredUpTo, json = false } = flags
      if (from > present.epoch) {
        throw new InvalidConfig(`--from ${from}: the topic is in epoch ${present.epoch}. Nothing was changed.`)
      }
      const { epoch, isNew, moved } = await newEpoch(sql, {
        schema,
        from,
        ...(restoredUpTo !== undefined && { restoredUpTo }),
      })
      if (json) process.stdout.write(`${JSON.stringify({ epoch, isNew, moved })}\n`)
      else if (isNew) process.stdout.write(`Epoch ${from} has ended, epoch ${epoch} has begun.${movedText(moved)}\n`)
      else
        process.stdout.write(`Epoch ${from} had ended before: the topic is in epoch ${epoch}. Nothing was changed.\n`)
    })
  })
}

function movedText(moved: number): string {
  return moved === 0 ? '' : ` ${moved} events had no offset yet and were moved to the end of the outbox.`
}

interface RefillFlags {
  readonly epoch?: number
  readonly partition?: number
  readonly json?: boolean
}

function addRefill(topic: Command): void {
  const command = topic
    .command('refill')
    .description('append what has an offset and is missing at the end of the broker, at the same offsets')
    .option('--epoch <n>', 'which epoch of the topic (default: the present one)', epoch)
    .option('--partition <n>', 'only this partition', place)
    .option('--json', 'print one JSON object')
  addSettings(command, ['database', 'nats', 'app', 'schema']).action(async (flags: RefillFlags) => {
    const settings = readSettings(command, { needed: ['database', 'app'], optional: ['nats', 'schema'] })
    await withTopic(settings, async (sql, schema, present) => {
      const topic = { name: `${settings.app}-events`, ...present, epoch: flags.epoch ?? present.epoch }
      if (topic.epoch > present.epoch) throw new InvalidConfig(`--epoch ${topic.epoch}: it is ${present.epoch} now.`)
      if (flags.partition !== undefined && flags.partition >= topic.partitions) {
        throw new InvalidConfig(`--partition ${flags.partition}: there are 0 to ${topic.partitions - 1}.`)
      }
      const { partitions, troubles } = await refillTopic(sql, { ...settings, schema, topic, only: flags.partition })
      if (flags.json) process.stdout.write(`${JSON.stringify({ topic, partitions, troubles })}\n`)
      else for (const one of partitions) process.stdout.write(refilledText(one))
      if (troubles.length > 0) throw new CommandFailed(troubles.join('\n'))
    })
  })
}

async function withTopic(
  { database, schema = defaultSchema }: { database: string; schema?: string | undefined },
  act: (sql: Sql, schema: string, present: TopicShape) => Promise<void>,
): Promise<void> {
  const db = openDatabase(database)
  try {
    const sql = sqlOf(db)
    const present = await findTopic(sql, schema)
    if (!present) {
      throw new CommandFailed(
        `There are no tables in schema "${schema}" of this database: run "commitcast migrate", or name another schema with --schema.`,
      )
    }
    await act(sql, schema, present)
  } catch (error) {
    if (error instanceof NewEpochRefused) throw new CommandFailed(error.message)
    throw error
  } finally {
    await db.destroy()
  }
}

function epoch(text: string): number {
  const value = place(text)
  if (value >= 1) return value
  throw new InvalidArgumentError('Epochs are counted from 1.')
}

function place(text: string): number {
  const value = Number(text)
  if (/^\d{1,15}$/.test(text) && Number.isSafeInteger(value)) return value
  throw new InvalidArgumentError('It has to be a whole number.')
}
