import type { StandardSchemaV1 } from '@standard-schema/spec'

/** What a schema has against some data, as a text: each place and what is wrong there. */
export function tellIssues(issues: readonly StandardSchemaV1.Issue[]): string {
  const told = issues.map((issue) => {
    const path = issue.path?.map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
    return path ? `data.${path}: ${issue.message}` : `data: ${issue.message}`
  })
  return told.join('; ')
}
