/* cross_entropy.c: softmax cross-entropy in double precision, image by image. */
#include "core/loss/cross_entropy.h"

#include <math.h>
#include <stddef.h>

/* NaN compares false with everything, so an image with any NaN among its logits is not right. */
static int is_right(const float *logits, int label, int n_classes) {
  for (int j = 0; j < n_classes; j++) {
    if (j == label) continue;
    if (j < label ? !(logits[label] > logits[j]) : !(logits[label] >= logits[j])) return 0;
  }
  return n_classes > 1 || !isnan(logits[label]);
}

static double largest_of(const float *logits, int n_classes) {
  float largest = logits[0];
  for (int j = 1; j < n_classes; j++)
    if (logits[j] > largest) largest = logits[j];
  return largest;
}

double rp_cross_entropy(const float *logits, const uint8_t *labels, int n_images, int n_classes, double scale, float *losses,
                        float *gradients, uint64_t *correct) {
  double sum_of_losses = 0;
  for (int n = 0; n < n_images; n++) {
    const float *z = logits + (size_t)n * (size_t)n_classes;
    const int label = labels[n];
    const double largest = largest_of(z, n_classes);
    double sum = 0;
    for (int j = 0; j < n_classes; j++) sum += exp(z[j] - largest);
    const double loss = log(sum) - (z[label] - largest);
    sum_of_losses += loss;
    *correct += (uint64_t)is_right(z, label, n_classes);
    if (losses) losses[n] = (float)loss;
    for (int j = 0; gradients && j < n_classes; j++)
      gradients[(size_t)n * (size_t)n_classes + (size_t)j] = (float)((exp(z[j] - largest) / sum - (j == label)) * scale);
  }
  return sum_of_losses;
}

void rp_cross_entropy_tangent(const float *logits, const float *tangents, int n_images, int n_classes, double scale,
                              float *gradient_tangents) {
  for (int n = 0; n < n_images; n++, logits += n_classes, tangents += n_classes, gradient_tangents += n_classes) {
    const double largest = largest_of(logits, n_classes);
    double sum = 0, mean = 0;
    for (int j = 0; j < n_classes; j++) sum += exp(logits[j] - largest);
    for (int j = 0; j < n_classes; j++) mean += exp(logits[j] - largest) / sum * (double)tangents[j];
    for (int j = 0; j < n_classes; j++)
      gradient_tangents[j] = (float)(exp(logits[j] - largest) / sum * ((double)tangents[j] - mean) * scale);
  }
}
