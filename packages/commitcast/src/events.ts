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
  type Erased,
  type EventCatalog,
  type EventOf,
  type Hint,
  type HintCatalog,
  type HintOf,
  isErased,
  type LiveEventOf,
} from '@commitcast/events'
