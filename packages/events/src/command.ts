/** What a command carries beside its input, as `commandLink` makes it. */
export interface CommandIds {
  /** The command's name, which every client may see: the causation id of its events. */
  readonly id: string
  /** The idempotency key: the same for every try of one command, and a secret of its caller. */
  readonly key: string
  /** Shared by everything that one click set off. Default the command's id. */
  readonly correlationId?: string
  /** The id of the event that the screen showed when the command was given. */
  readonly causationId?: string
}

/**
 * Where they travel: in a field of the mutation's raw input, because tRPC has no other place that HTTP, batches and
 * WebSocket have in common. An input that is no plain object travels in `args`, and none at all as an empty one.
 */
export interface CommandInput {
  readonly '~command': CommandIds & { readonly args?: readonly unknown[] }
}
