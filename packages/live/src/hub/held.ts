/** How one item is read. */
interface Reading<T> {
  readonly read: () => Promise<T>
  /** How much it counts once it is read. */
  readonly bytesOf: (item: T) => number
}

/**
 * Items by name, shared by all who hold them, and kept for those who come later. All of them together are bounded in bytes:
 * an item that no one holds is let go, the least recently used first; where that is not enough, the next reading waits, in
 * the order of asking. One can always be read. So a holder must release its item before it asks for another.
 */
export interface Held<T> {
  get(name: string, reading: Reading<T>): Promise<T>
  /** Once for each `get` that resolved. */
  release(item: T): void
  /** All that were read and are still here. */
  items(): readonly T[]
}

export interface HeldOptions {
  readonly maxBytes: number
  /** How much an item counts while it is read. */
  readonly reservedBytes: number
}

interface Slot<T> extends Reading<T> {
  readonly name: string
  readonly item: PromiseWithResolvers<T>
  holders: number
  /** Once it is read. */
  value: T | undefined
  bytes: number
}

/** How many are read at a time. */
const maxReads = 4

export function createHeld<T extends object>({ maxBytes, reservedBytes }: HeldOptions): Held<T> {
  /** The most recently used last. */
  const slots = new Map<string, Slot<T>>()
  const slotOf = new WeakMap<T, Slot<T>>()
  const waiting: Slot<T>[] = []
  let reads = 0
  let total = 0

  const count = (slot: Slot<T>, bytes: number) => {
    total += bytes - slot.bytes
    slot.bytes = bytes
  }
  const drop = (slot: Slot<T>) => {
    slots.delete(slot.name)
    count(slot, 0)
  }
  const makeRoom = (bytes: number) => {
    for (const slot of slots.values()) {
      if (total + bytes <= maxBytes) break
      if (slot.value && slot.holders === 0) drop(slot)
    }
    return total === 0 || total + bytes <= maxBytes
  }
  const pump = () => {
    while (waiting.length > 0 && reads < maxReads && makeRoom(reservedBytes)) void begin(waiting.shift()!)
  }
  const begin = async (slot: Slot<T>) => {
    reads++
    count(slot, reservedBytes)
    try {
      const item = await slot.read()
      slot.value = item
      slotOf.set(item, slot)
      count(slot, slot.bytesOf(item))
      slot.item.resolve(item)
    } catch (error) {
      drop(slot)
      slot.item.reject(error)
    }
    reads--
    pump()
  }

  return {
    get(name, reading) {
      const known = slots.get(name)
      const slot = known ?? emptySlot(name, reading)
      slots.delete(name)
      slots.set(name, slot)
      slot.holders++
      if (!known) waiting.push(slot)
      pump()
      return slot.item.promise
    },
    release(item) {
      const slot = slotOf.get(item)
      if (slot && --slot.holders === 0) pump()
    },
    items: () => [...slots.values()].flatMap(({ value }) => value ?? []),
  }
}

function emptySlot<T>(name: string, reading: Reading<T>): Slot<T> {
  return { ...reading, name, item: Promise.withResolvers(), holders: 0, value: undefined, bytes: 0 }
}
