/**
 * Whether a client may follow something, and until when: `true` until the permission is taken away, `false` not at all,
 * a `Date` (or a token or session with `until`) up to that moment; then it is asked again.
 *
 * `since` is the moment from which on it may see events, such as when a member joined: a cursor from before it is answered with
 * `resync`. Without it a client may bring any cursor, also one that it made up, and see all that is kept of its channels.
 */
export type Allowed =
  | boolean
  | Date
  | { readonly until: Date; readonly since?: Date }
  | { readonly until?: Date; readonly since: Date }

/**
 * Who may follow: every client, or those that the function allows. It gets the context and the input of the call, and may be
 * asynchronous.
 */
export type Authorize<TContext, TInput> =
  | 'everyone'
  | ((options: { ctx: TContext; input: TInput }) => Allowed | Promise<Allowed>)

/**
 * The part of a subscription's options that says who may follow it.
 *
 * `authorize` is asked when a client subscribes and each time it reconnects; again when the time that it gave is over; and
 * again when an event comes on one of the channels `revokedBy`. An answer that says no, that can't be had within five
 * seconds, or that throws ends what runs: the socket is closed with 4401 `expired` or 4403 `revoked`, the SSE stream with
 * a typed error after which its client reconnects. A client that may not subscribe at all gets FORBIDDEN, or UNAUTHORIZED
 * where the time was over already.
 */
export interface AuthorizeOptions<TContext, TInput> {
  /** Whether this client may, and until when. `'everyone'` says that every client may, for as long as it likes. */
  readonly authorize: Authorize<TContext, TInput>
  /**
   * Channels on which a change of this client's rights is published, such as `access:user-7`: permission changes are events,
   * too. An event there makes `authorize` be asked again; it is not sent to the client. Default: none.
   */
  readonly revokedBy?: (options: { ctx: TContext; input: TInput }) => readonly string[]
}

/** The call of a client that asks to follow, without the application's types. */
export interface AccessCall {
  readonly ctx: unknown
  readonly input: unknown
}

/** `AuthorizeOptions` without the application's types. */
export interface AccessRules {
  readonly authorize: Authorize<unknown, unknown>
  readonly revokedBy?: ((call: AccessCall) => readonly string[]) | undefined
}
