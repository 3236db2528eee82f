import { endOf, MessageRefused } from '@commitcast/broker'
import { parkRefused } from '../parked/park-refused.ts'
import type { PartitionOf } from './partition-of.ts'

/**
 * Parks an event that the broker refuses, so that a placeholder takes its offset and all that is behind it continues.
 * Returns why the relay can't continue at once: another owner, or a refusal that even the placeholder meets.
 */
export async function giveUp(of: PartitionOf, refusal: MessageRefused): Promise<unknown> {
  const { topic, partition, logger } = of
  const { offset } = refusal
  // An earlier owner's connection may have had a higher limit.
  if ((await endOf(topic, partition)) >= offset) {
    return new Error(`Offset ${offset} is stored on the broker, though it refused it just now: ${refusal.message}`)
  }
  const outcome = await parkRefused({ ...of, epoch: topic.epoch }, refusal)
  if (outcome === 'lease lost') {
    return new Error(`Another relay took partition ${partition} over before offset ${offset} could be parked.`)
  }
  if (outcome === 'noted before') {
    return new MessageRefused(
      offset,
      `The broker refuses even the placeholder at offset ${offset}: ${refusal.message} 16 KiB are always enough for one.`,
      { cause: refusal },
    )
  }
  logger.error(
    { code: 'EVENT_REFUSED', partition, offset, err: refusal },
    'event refused by the broker and parked; see "commitcast parked list"',
  )
  return undefined
}
