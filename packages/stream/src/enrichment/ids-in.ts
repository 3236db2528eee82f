/** The ids of what `id` of an enricher, or `invalidateOn` of its cache, returned: one, several, or none. */
export function idsIn(answer: unknown): readonly unknown[] {
  const ids: readonly unknown[] = Array.isArray(answer) ? answer : [answer]
  return ids.filter((id) => id !== undefined && id !== null)
}
