/** First in, first out, with a search by `seq`. */
export interface EntryQueue<T> {
  readonly size: number
  first(): T | undefined
  push(item: T): void
  shift(): T | undefined
  from(seq: number, limit: number): T[]
}

/** What was taken out is let go many at a time. */
export function createEntryQueue<T extends { readonly seq: number }>(): EntryQueue<T> {
  let items: (T | undefined)[] = []
  let head = 0
  return {
    get size() {
      return items.length - head
    },
    first: () => items[head],
    push(item) {
      items.push(item)
    },
    shift() {
      const item = items[head]
      if (item === undefined) return undefined
      // Let go at once: it may be the last that holds a large body.
      items[head++] = undefined
      if (head > 32 && head * 2 > items.length) {
        items = items.slice(head)
        head = 0
      }
      return item
    },
    from(seq, limit) {
      let low = head
      let high = items.length
      while (low < high) {
        const middle = (low + high) >> 1
        if (items[middle]!.seq < seq) low = middle + 1
        else high = middle
      }
      return items.slice(low, low + limit) as T[]
    },
  }
}
