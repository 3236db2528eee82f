/**
 * What an application defines of its events; safe in browsers.
 * @module
 */
export {
  type BreaksOldEvents,
  type ChannelDefinitions,
  type ChannelId,
  type Channels,
  defineChannels,
  defineEvents,
  defineHints,
  type EventCatalog,
  type EventOf,
  type Hint,
  type HintCatalog,
  type HintOf,
  type LiveEventOf,
} from '@commitcast/events'
