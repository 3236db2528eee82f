import type { StandardSchemaV1 } from '@standard-schema/spec'

/** What a schema has against some data, as a text: each place and what is wrong there. */
export function describeIssues(issues: readonly StandardSchemaV1.Issue[]): string {
  const texts = issues.map((issue) => {
    const path = issue.path?.map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
    return path ? `data.${path}: ${issue.message}` : `data: ${issue.message}`
  })
  return texts.join('; ')
}
