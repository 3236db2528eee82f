import { InvalidChannel } from './errors.ts'

/**
 * Checks what `source`, code of the application, gave as channels, and returns it. Throws `InvalidChannel` where that is no
 * list of texts, or holds an empty one: no client could follow it, or be notified. Channels that are too long for the broker
 * are not its matter: the live message then goes out as a filler.
 */
export function checkChannels(channels: unknown, source: string): readonly string[] {
  if (!Array.isArray(channels)) {
    throw new InvalidChannel(
      `${source} gave ${inWords(channels)}. Give a list of texts such as ["order:42"]; [] for none.`,
    )
  }
  for (const channel of channels) if (!isChannel(channel)) throw refuse(channel, source)
  return channels
}

function isChannel(channel: unknown): boolean {
  return typeof channel === 'string' && channel !== ''
}

function refuse(channel: unknown, source: string): InvalidChannel {
  return new InvalidChannel(
    `${source} gave ${inWords(channel)} as a channel. Give a text that is not empty, such as \`order:\${id}\`.`,
  )
}

function inWords(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 100))
  if (typeof value === 'bigint') return `the bigint ${value}n`
  if (value === null || value === undefined || typeof value === 'boolean') return String(value)
  return typeof value === 'number' ? `the number ${value}` : `a value of type ${typeof value}`
}
