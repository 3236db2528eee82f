/** A term or phrase that no text of the project uses, and what takes its place. */
export interface RetiredWord {
  readonly pattern: RegExp
  readonly instead: string
}

/** Held by `plain-words.ts`. The glossary has the words that are used. */
export const retiredWords: readonly RetiredWord[] = [
  { pattern: /\bstand(s|ing)? still\b|\bstood still\b|standStill/i, instead: 'is halted' },
  { pattern: /\bmend(s|ed|ing)?\b/i, instead: 'fix, recover' },
  { pattern: /\b(some|no|any|every)body\b/i, instead: 'the actor: relay, client, operator; or "no one"' },
  { pattern: /\bwhoever\b/i, instead: 'the actor: the reader that, each client that' },
  { pattern: /\b(none|one) of ours\b/i, instead: 'was (not) written by Commitcast' },
  { pattern: /\bas it runs\b/i, instead: 'the tests run this code' },
  { pattern: /\b[Tt](ells?|old|elling)\b/, instead: 'publishes, notifies, says, distinguishes' },
  { pattern: /\bhears? (of|what|how|them|about)\b/i, instead: 'receives, is notified' },
  { pattern: /\bin its turn\b|\bby turns\b/i, instead: 'one after the other' },
  { pattern: /\bgo(es)? on\b|\bwent on\b|\bgoing on\b/i, instead: 'continues' },
  { pattern: /\bcom(e|es|ing) back\b|\bcame back\b/i, instead: 'reconnects, returns' },
]
