import { InvalidChannel } from './errors.ts'

const maxLength = 500

/**
 * Checks what `source`, code of the application, gave as channels, and returns it. Throws `InvalidChannel` where that is no
 * list of texts of 1 to 500 characters: no client could follow it, or be notified.
 */
export function checkChannels(channels: unknown, source: string): readonly string[] {
  if (!Array.isArray(channels)) {
    throw new InvalidChannel(
      `${source} gave ${tell(channels)}. Give a list of texts such as ["order:42"]; [] for none.`,
    )
  }
  for (const channel of channels) if (!isChannel(channel)) throw refuse(channel, source)
  return channels
}

function isChannel(channel: unknown): boolean {
  return typeof channel === 'string' && channel.length > 0 && channel.length <= maxLength
}

function refuse(channel: unknown, source: string): InvalidChannel {
  const isLong = typeof channel === 'string' && channel.length > maxLength
  const found = isLong ? `a text of ${channel.length} characters` : tell(channel)
  return new InvalidChannel(
    `${source} gave ${found} as a channel. Give a text of 1 to ${maxLength} characters, such as \`order:\${id}\`.`,
  )
}

function tell(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 100))
  if (typeof value === 'bigint') return `the bigint ${value}n`
  if (value === null || value === undefined || typeof value === 'boolean') return String(value)
  return typeof value === 'number' ? `the number ${value}` : `a value of type ${typeof value}`
}
