import { readFileSync } from 'node:fs'

/** One thing that a guide asks its reader to do, or to see. */
export type Step =
  | { readonly kind: 'write'; readonly path: string; readonly text: string }
  /** `own`: in a terminal of its own, where it keeps running. `replaces`: after what ran there before was killed. */
  | { readonly kind: 'run'; readonly command: string; readonly own: boolean; readonly replaces: boolean }
  /** Lines that are printed, in this order, some time after the steps before. `…` stands for anything. */
  | { readonly kind: 'see'; readonly lines: readonly string[] }

const fence = /(?:^\*\*(?<path>\S+)\*\*\n+)?(?:^<!-- [^\n]* -->\n+)?^```(?<language>\w*)\n(?<code>.*?)^```$/gms

/**
 * A guide as steps. A fence below a line that is a file's name in bold is that file. Of the others those in `sh` are run, line
 * by line, and those in `text` are what is to be seen. Throws for a fence that is none of these: every fence is a step.
 */
export function readGuide(file: string): Step[] {
  return [...readFileSync(file, 'utf8').matchAll(fence)].flatMap(({ groups = {} }): Step[] => {
    const { path, language, code = '' } = groups
    if (path !== undefined) return [{ kind: 'write', path, text: code }]
    const lines = code.split('\n').filter((line) => line !== '')
    if (language === 'text') return [{ kind: 'see', lines }]
    if (language === 'sh') return lines.map(toCommand)
    throw new Error(`${file} has a fence that says neither what file it is nor what to run: ${code}`)
  })
}

function toCommand(line: string): Step {
  const [command = '', where = ''] = line.split(' # ')
  return {
    kind: 'run',
    command,
    own: where.includes('in a terminal of its own'),
    replaces: where.includes('in place of the old one'),
  }
}
