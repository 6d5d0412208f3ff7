/** P4Info by name: what the compiler reads of a pipeline. */
export type { Annotation, Annotations, AnnotationValue } from './annotations.js'
export * from './model.js'
export { P4InfoError, P4InfoIndex, parseP4Info } from './p4info-index.js'
export type { ParsedP4Info } from './p4info-index.js'
export { allOnes, fitsWidth, fromBytes, toCanonicalBytes } from './values.js'
