import { CommandFailed } from './explain-failure.ts'

/** Prints what a command found or did: with `--json` as one JSON object on one line, else as text. */
export function printResult({ json = false }: { readonly json?: boolean }, result: object, text: () => string): void {
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : text())
}

/** For `catch`: an error of one of these classes ends the command with its own message, and without a stack. */
export function failWith(...refusals: readonly (new (...args: never[]) => Error)[]): (error: unknown) => never {
  return (error) => {
    throw refusals.some((refusal) => error instanceof refusal) ? new CommandFailed((error as Error).message) : error
  }
}
