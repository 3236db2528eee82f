export type { Enricher, Enrichment } from './enrichment.ts'
export { type EnrichmentOptions, runEnrichment } from './run-enrichment.ts'
