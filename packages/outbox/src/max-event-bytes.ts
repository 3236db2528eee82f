/** The largest data of an event, in bytes of JSON, by default. Fits NATS's default limit of 1 MiB. */
export const defaultMaxEventBytes = 786_432

/** The same of all its headers. */
export const maxHeadersBytes = 16_384
