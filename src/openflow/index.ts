/** Public face of the wire codec. */
export * from './model.js'
