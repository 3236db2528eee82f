// Quotes the snippets of all pages anew; part of `npm run fix`.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fencePattern, pages, root, snippetText } from './pages.ts'

for (const page of pages) {
  const path = join(root, page)
  const text = readFileSync(path, 'utf8')
  const quoted = text.replace(fencePattern, (fence, snippet?: string, language = '') =>
    snippet === undefined ? fence : `<!-- snippet: ${snippet} -->\n\`\`\`${language}\n${snippetText(snippet)}\n\`\`\``,
  )
  if (quoted !== text) writeFileSync(path, quoted)
}
