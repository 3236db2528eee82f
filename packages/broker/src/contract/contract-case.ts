import type { Broker, Topic } from '../broker.ts'

/** What the suite needs of an adapter under test. */
export interface BrokerUnderTest {
  /** Opens a broker on the same server; called several times. The suite closes what it opens. */
  open(): Promise<Broker> | Broker
  /** Kills the server and starts it again with its data. Left out where nothing outlives the process. */
  readonly restart?: () => Promise<void>
  /** False where the server can't have a log begin later than at 1. Default true. */
  readonly canBegin?: boolean
  /** What happens to a log behind an adapter's back, done on the server itself. */
  readonly damage: Damage
}

/** A partition, by its topic. */
export interface Place {
  readonly topic: Topic
  readonly partition: number
}

export interface Damage {
  /** Removes the oldest messages, up to and with an offset, as retention does. */
  trim(place: Place, offset: number): Promise<void>
  /** Removes one message from the inside. */
  remove(place: Place, offset: number): Promise<void>
  /** Adds a message of another client at the end. Left out where it can't be distinguished from one of Commitcast's. */
  readonly intrude?: (place: Place) => Promise<void>
}

/** What a case works with. */
export interface World {
  readonly subject: BrokerUnderTest
  readonly broker: Broker
  freshTopic(partitions?: number): Promise<Topic>
  /** A name that no topic has. */
  freshName(): string
  /** The same topic through a broker of its own. */
  reopened(topic: Topic): Promise<Topic>
}

/** What some adapters can't have: a case that needs it is left out there. */
export type Need =
  | 'durability'
  | 'beginnings'
  | 'beginnings that outlive a server'
  | 'a limit'
  | 'strays that show'
  | 'hints'
  | 'hints that outlive a server'

/** One promise of the port as a test. */
export interface Case {
  /** A sentence. */
  readonly name: string
  readonly needs?: Need
  run(world: World): Promise<void>
}

/** Whether an adapter has what a case needs. */
export async function has(need: Need, { subject, broker, freshTopic }: World): Promise<boolean> {
  const canBegin = subject.canBegin ?? true
  if (need === 'beginnings') return canBegin
  if (need === 'beginnings that outlive a server') return canBegin && broker.traits.durable
  if (need === 'durability') return broker.traits.durable
  if (need === 'hints') return broker.hints !== undefined
  if (need === 'hints that outlive a server') return broker.hints !== undefined && broker.traits.durable
  if (need === 'strays that show') return subject.damage.intrude !== undefined
  return (await freshTopic()).maxMessageBytes !== undefined
}
