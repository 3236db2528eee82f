import { type NewEpoch, NewEpochRefused, newEpoch, type SkippedEvent, skipEvent } from '@commitcast/outbox'
import { type Command, InvalidArgumentError } from 'commander'
import { InvalidConfig } from '../../process/invalid-config.ts'
import { CommandFailed } from '../explain-failure.ts'
import { failWith, printResult } from '../print-result.ts'
import { refilledText, refillTopic } from '../refill-topic.ts'
import { requireTopic } from '../require-topic.ts'
import { addSettings, readSettings } from '../settings.ts'
import { withDatabase } from '../with-database.ts'
import { withTable } from '../with-table.ts'

/** `commitcast topic`: for the days when a topic can't simply continue. */
export function addTopicCommand(program: Command): void {
  const topic = program.command('topic').description('begin a new epoch, refill a broker, skip an event')
  addNewEpoch(topic)
  addRefill(topic)
  addSkip(topic)
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
    const settings = readSettings(command, { needed: ['database'], optional: ['schema'] })
    await withDatabase(settings, async ({ sql, schema }) => {
      const present = await requireTopic(sql, schema)
      const { from = present.epoch, restoredUpTo } = flags
      if (from > present.epoch) {
        throw new InvalidConfig(`--from ${from}: the topic is in epoch ${present.epoch}. Nothing was changed.`)
      }
      const { epoch, isNew, moved, cut } = await newEpoch(sql, {
        schema,
        from,
        ...(restoredUpTo !== undefined && { restoredUpTo }),
      }).catch(failWith(NewEpochRefused))
      printResult(flags, { epoch, isNew, moved, cut }, () =>
        isNew
          ? `Epoch ${from} has ended, epoch ${epoch} has begun.${movedText(moved)}\n${cutText(epoch, cut)}`
          : `Epoch ${from} had ended before: the topic is in epoch ${epoch}. Nothing was changed.\n`,
      )
    })
  })
}

function movedText(moved: number): string {
  return moved === 0 ? '' : ` ${moved} events had no offset yet and were moved to the end of the outbox.`
}

function cutText(epoch: number, cut: NewEpoch['cut'] = []): string {
  return cut
    .map(
      ({ partition, offset, again }) =>
        `Partition ${partition} had diverged: it ends at offset ${offset}. ${again} events were assigned behind it and have the offsets from 1 on in epoch ${epoch}.\n`,
    )
    .join('')
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
    await withDatabase(settings, async ({ sql, schema }) => {
      const present = await requireTopic(sql, schema)
      const topic = { name: `${settings.app}-events`, ...present, epoch: flags.epoch ?? present.epoch }
      if (topic.epoch > present.epoch) throw new InvalidConfig(`--epoch ${topic.epoch}: it is ${present.epoch} now.`)
      if (flags.partition !== undefined && flags.partition >= topic.partitions) {
        throw new InvalidConfig(`--partition ${flags.partition}: there are 0 to ${topic.partitions - 1}.`)
      }
      const { partitions, troubles } = await refillTopic(sql, { ...settings, schema, topic, only: flags.partition })
      printResult(flags, { topic, partitions, troubles }, () => partitions.map(refilledText).join(''))
      if (troubles.length > 0) throw new CommandFailed(troubles.join('\n'))
    })
  })
}

function addSkip(topic: Command): void {
  const command = topic
    .command('skip')
    .description('have stream workers and groups that wait at an event continue behind it')
    .argument('<event>', "the event's id, as the health or the log names it", eventId)
    .option('--json', 'print one JSON object')
  addSettings(command, ['database', 'schema']).action(async (id: string, flags: { json?: boolean }) => {
    const event = await withTable(command, 'skipped_event', ({ sql, schema }) => skipEvent(sql, { schema, id }))
    if (!event) throw new CommandFailed(`The outbox has no event ${id}. Nothing was changed.`)
    printResult(flags, { id, ...event }, () => skippedText(id, event))
  })
}

function skippedText(id: string, { type, key }: SkippedEvent): string {
  return `Readers skip event ${id} ("${type}" of ${JSON.stringify(key)}): groups pass over it, live followers get "unreadable".\n`
}

function eventId(text: string): string {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) return text.toLowerCase()
  throw new InvalidArgumentError('It has to be a UUID.')
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
