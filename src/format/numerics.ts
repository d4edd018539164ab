/**
 * Raised by every commit that changes a bit of any embedding or score for the same model files. It enters the fingerprint, so that vectors
 * of two numerics are never compared.
 */
export const NUMERICS_VERSION = 2;
