import type { Message } from './broker.ts'

/** Every adapter's first line of `append`: a message's own offset must be the place that it is about to take. */
export function checkOffsets(after: number, messages: readonly Message[]): void {
  messages.forEach((message, index) => {
    const place = after + 1 + index
    if (message.offset === place) return
    throw new RangeError(
      `append: the message with id ${message.id} has offset ${message.offset}, its place is ${place}.`,
    )
  })
}
