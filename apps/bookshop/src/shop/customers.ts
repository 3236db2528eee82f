/** The people who shop here; made up. */
export const customers = [
  { id: 'ada', name: 'Ada Quill', city: 'London' },
  { id: 'bruno', name: 'Bruno Feder', city: 'Leipzig' },
  { id: 'chiara', name: 'Chiara Penna', city: 'Bologna' },
  { id: 'dev', name: 'Dev Kitab', city: 'Kolkata' },
  { id: 'elif', name: 'Elif Kalem', city: 'Izmir' },
  { id: 'fumiko', name: 'Fumiko Hon', city: 'Kyoto' },
  { id: 'gabriel', name: 'Gabriel Tinta', city: 'Porto' },
  { id: 'hanna', name: 'Hanna Lehti', city: 'Turku' },
] as const
