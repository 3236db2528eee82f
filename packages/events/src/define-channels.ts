import { InvalidChannel } from './errors.ts'

/** Channels by name, each with the names of the ids that it takes: `{ orders: [], order: ['id'] }`. */
export type ChannelDefinitions = Readonly<Record<string, readonly string[]>>

/** What names one of many: a customer's id. */
export type ChannelId = string | number | bigint

/** As many ids as there are names. */
type IdsOf<TNames extends readonly string[]> = { readonly [TIndex in keyof TNames]: ChannelId }

/** A function for each channel; it takes as many ids as were defined, and returns the channel. */
export type Channels<TDefinitions extends ChannelDefinitions> = {
  readonly [TName in keyof TDefinitions & string]: (
    ...ids: IdsOf<TDefinitions[TName]>
  ) => TDefinitions[TName] extends readonly [] ? TName : `${TName}:${string}`
}

/**
 * Defines an application's channels in one place for server and browser, so that a misspelt one does not compile:
 * `channels.order('42')` is `order:42`. Browser-safe. A ":" or "%" in an id is written as `%3A` or `%25`, so that two channels are
 * never one. Throws `InvalidChannel` for a name of other characters than letters, digits, "_" and "-"; and its functions for an id
 * that is empty, missing, or no text and no number. A channel may still be given as a plain text.
 */
export function defineChannels<const TDefinitions extends ChannelDefinitions>(
  definitions: TDefinitions,
): Channels<TDefinitions> {
  const made = Object.entries(definitions).map(([name, ids]) => [checkName(name), createChannel(name, ids)] as const)
  return Object.freeze(Object.fromEntries(made)) as Channels<TDefinitions>
}

function createChannel(name: string, names: readonly string[]) {
  return (...ids: readonly ChannelId[]) =>
    [name, ...names.map((each, index) => encode(ids[index], `${name}: ${each}`))].join(':')
}

function encode(id: ChannelId | undefined, what: string): string {
  const isId = typeof id === 'string' || typeof id === 'bigint' || Number.isFinite(id)
  if (isId && id !== '') return String(id).replace(/[%:]/g, encodeURIComponent)
  throw new InvalidChannel(`The channel ${what} is ${JSON.stringify(id)}. Give a text that is not empty, or a number.`)
}

function checkName(name: string): string {
  if (/^[A-Za-z0-9_-]+$/.test(name)) return name
  throw new InvalidChannel(
    `The channel ${JSON.stringify(name)} can't be defined: take letters, digits, "_" and "-", for example "order".`,
  )
}
