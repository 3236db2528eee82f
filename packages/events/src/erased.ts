/** What readers get in place of a personal field whose subject was erased. */
export interface Erased {
  readonly '~erased': true
}

/** The value itself, as JSON and superjson carry it; compare with `isErased`, since a reader gets a copy. */
export const erased: Erased = Object.freeze({ '~erased': true })

/** Whether a personal field was erased: `isErased(event.data.name) ? 'a former customer' : event.data.name`. Browser-safe. */
export function isErased(value: unknown): value is Erased {
  return typeof value === 'object' && value !== null && (value as Partial<Erased>)['~erased'] === true
}
