/**
 * Figures from samples. Nothing here measures or prints.
 */

/**
 * The smallest sample that at least `share` of all samples do not exceed.
 *
 * @param {number[]} samples at least one
 * @param {number} share from 0 to 1
 * @returns {number}
 */
export function percentile(samples, share) {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

/**
 * @param {number[]} samples at least one
 * @returns {number}
 */
export function median(samples) {
  return percentile(samples, 0.5);
}

/**
 * How far samples lie apart, as a share of their median: the noise of a run.
 *
 * @param {number[]} samples at least one
 * @returns {number}
 */
export function spread(samples) {
  return (Math.max(...samples) - Math.min(...samples)) / median(samples);
}

/**
 * @param {number} value
 * @param {number} digits after the point
 * @returns {number}
 */
export function round(value, digits = 0) {
  return Number(value.toFixed(digits));
}
