/* shapes.c: the embedded data set. One of ten shapes, at any place, size, angle and stretch, somewhat brighter than a textured ground,
 * among smaller shapes of any class, partly covered by one, under noise. Colours say nothing about the class; that the largest shape counts
 * has to be learned.
 *
 * Hard enough to overfit: training images are pairs, two shots of one scene under different noise, so that 5,000 of them hold 2,500 scenes.
 *
 * An image is a function of (seed, set, index): its numbers come from the Philox stream of that key, in the order in which they are asked
 * for. The arithmetic is + − × ÷ and square root in double, all of them correctly rounded, so that every machine and compiler makes the
 * same bytes. Each draw is a statement of its own, because C leaves the order within an expression open. */
#include "core/base/draws.h"
#include "core/base/memory.h"
#include "core/data/images.h"

#include <math.h>

enum { SIDE = 32, CHANNELS = 3, PLANE = SIDE * SIDE, IMAGE_BYTES = CHANNELS * PLANE, N_CLASSES = 10 };
enum { DEFAULT_TRAIN = 5000, DEFAULT_TEST = 2000, MOST_IMAGES = 1000000 };
enum { DRAWS_SCENE, DRAWS_NOISE }; /* index c of the stream's key */

/* What makes the task hard; tuned so that a small net fits 5,000 images and errs on a quarter of new ones. */
enum { GRID = 5, MOST_BEHIND = 6, MOST_BEFORE = 1, NOISE = 16 };
static const double LEAST_RADIUS = 6.5, MOST_RADIUS = 9.5, LEAST_DECOY = 3, MOST_DECOY = 5.5, LEAST_STRETCH = 0.5;
static const double DARKEST_GROUND = 10, BRIGHTEST_GROUND = 150, LEAST_CONTRAST = 60, MOST_CONTRAST = 110;
static const double MARGIN = 8;

typedef struct {
  rp_stream stream;
  uint64_t next;
} draws;

static double between(draws *from, double low, double high) {
  return low + (high - low) * rp_draw_uniform(&from->stream, from->next++);
}

static uint32_t below(draws *from, uint32_t n) {
  return rp_draw_below(&from->stream, from->next++, n);
}

typedef struct {
  double channel[CHANNELS]; /* 0 … 255 */
} colour;

static colour any_colour(draws *from) {
  colour drawn;
  for (int c = 0; c < CHANNELS; c++) drawn.channel[c] = between(from, DARKEST_GROUND, BRIGHTEST_GROUND);
  return drawn;
}

/* A place, a size and an angle on the image: where (0, 0) and the unit of a form's own coordinates lie. */
typedef struct {
  double x, y, radius, cosine, sine;
  double stretch; /* of its width, ≤ 1 */
} frame;

static frame any_frame(draws *from, double margin, double least_radius, double most_radius) {
  frame drawn;
  drawn.radius = between(from, least_radius, most_radius);
  drawn.x = between(from, margin, SIDE - margin);
  drawn.y = between(from, margin, SIDE - margin);
  drawn.stretch = between(from, LEAST_STRETCH, 1);
  double u = between(from, -1, 1), v;
  v = between(from, -1, 1);
  double length = sqrt(u * u + v * v);
  drawn.cosine = u / length;
  drawn.sine = v / length;
  return drawn;
}

/* The ten classes: is (x, y) inside the form of about radius 1 around (0, 0)? */
static int in_disc(double x, double y) {
  return x * x + y * y <= 0.8;
}
static int in_ring(double x, double y) {
  double r = x * x + y * y;
  return r >= 0.36 && r <= 0.95;
}
static int in_square(double x, double y) {
  return fabs(x) <= 0.75 && fabs(y) <= 0.75;
}
static int in_frame(double x, double y) {
  return fabs(x) <= 0.8 && fabs(y) <= 0.8 && (fabs(x) >= 0.46 || fabs(y) >= 0.46);
}
static int in_triangle(double x, double y) {
  return y >= -0.55 && 1.7320508 * fabs(x) <= 1.1 - y;
}
static int in_cross(double x, double y) {
  double near = fmin(fabs(x), fabs(y)), far = fmax(fabs(x), fabs(y));
  return near <= 0.28 && far <= 0.95;
}
static int in_crescent(double x, double y) {
  double away = x - 0.5;
  return x * x + y * y <= 1 && away * away + y * y >= 0.55;
}
static int in_half_disc(double x, double y) {
  return y >= -0.4 && x * x + (y + 0.4) * (y + 0.4) <= 1.1;
}
static int in_tee(double x, double y) {
  return (fabs(x) <= 0.85 && y >= 0.4 && y <= 0.9) || (fabs(x) <= 0.26 && y >= -0.9 && y < 0.4);
}
/* A five-pointed star: inside at least four of the pentagram's five half-planes (normals at 90° + k · 72°). */
static int in_star(double x, double y) {
  static const double NORMALS[5][2] = {
      {0, 1}, {-0.95105652, 0.30901699}, {-0.58778525, -0.80901699}, {0.58778525, -0.80901699}, {0.95105652, 0.30901699}};
  int n_inside = 0;
  for (int i = 0; i < 5; i++) n_inside += NORMALS[i][0] * x + NORMALS[i][1] * y <= 0.36;
  return n_inside >= 4 && x * x + y * y <= 1.4;
}

typedef int form(double x, double y);
static form *const CLASSES[N_CLASSES] = {in_disc,  in_ring,     in_square,    in_frame, in_triangle,
                                         in_cross, in_crescent, in_half_disc, in_tee,   in_star};
/* An image in double, before noise and rounding. */
typedef struct {
  double pixels[CHANNELS][SIDE][SIDE];
} canvas;

/* Share of a pixel that a form covers, on 3 × 3 points. */
static double coverage(form *is_inside, const frame *where, int row, int column) {
  int n_inside = 0;
  for (int i = 0; i < 9; i++) {
    double dx = (column + (2 * (i % 3) + 1) / 6.0 - where->x) / where->radius;
    double dy = (row + (2 * (i / 3) + 1) / 6.0 - where->y) / where->radius;
    n_inside += is_inside((where->cosine * dx + where->sine * dy) / where->stretch, where->cosine * dy - where->sine * dx);
  }
  return n_inside / 9.0;
}

static void paint(canvas *image, form *is_inside, const frame *where, const colour *ink) {
  double reach = 1.5 * where->radius;
  for (int row = 0; row < SIDE; row++) {
    if (fabs(row + 0.5 - where->y) > reach) continue;
    for (int column = 0; column < SIDE; column++) {
      if (fabs(column + 0.5 - where->x) > reach) continue;
      double share = coverage(is_inside, where, row, column);
      for (int c = 0; c < CHANNELS; c++) {
        double *pixel = &image->pixels[c][row][column];
        *pixel += share * (ink->channel[c] - *pixel);
      }
    }
  }
}

/* A ground between two colours: a coarse grid of random mixtures, interpolated. Returns the mean of the two. */
static colour paint_ground(canvas *image, draws *from) {
  colour first = any_colour(from), mean;
  colour second = any_colour(from);
  double grid[GRID + 1][GRID + 1];
  for (int i = 0; i <= GRID; i++)
    for (int j = 0; j <= GRID; j++) grid[i][j] = between(from, 0, 1);
  for (int row = 0; row < SIDE; row++)
    for (int column = 0; column < SIDE; column++) {
      double y = (double)row * GRID / SIDE, x = (double)column * GRID / SIDE;
      int i = (int)y, j = (int)x;
      double upper = grid[i][j] + (x - j) * (grid[i][j + 1] - grid[i][j]);
      double lower = grid[i + 1][j] + (x - j) * (grid[i + 1][j + 1] - grid[i + 1][j]);
      double mixture = upper + (y - i) * (lower - upper);
      for (int c = 0; c < CHANNELS; c++)
        image->pixels[c][row][column] = first.channel[c] + mixture * (second.channel[c] - first.channel[c]);
    }
  for (int c = 0; c < CHANNELS; c++) mean.channel[c] = (first.channel[c] + second.channel[c]) / 2;
  return mean;
}

/* A colour that is brighter than the ground's mean in every channel. */
static colour ink_on(const colour *ground, draws *from) {
  colour ink;
  for (int c = 0; c < CHANNELS; c++) ink.channel[c] = ground->channel[c] + between(from, LEAST_CONTRAST, MOST_CONTRAST);
  return ink;
}

static void scatter_decoys(canvas *image, uint32_t n, const colour *ground, draws *from) {
  for (uint32_t i = 0; i < n; i++) {
    form *decoy = CLASSES[below(from, N_CLASSES)];
    colour ink = ink_on(ground, from);
    frame where = any_frame(from, 0, LEAST_DECOY, MOST_DECOY);
    paint(image, decoy, &where, &ink);
  }
}

/* Rounds to bytes under triangular noise of ±NOISE: one draw serves the three channels of a pixel, ten bits each. */
static void round_with_noise(const canvas *image, const rp_stream *noise, uint8_t *bytes) {
  for (int p = 0; p < PLANE; p++) {
    uint32_t bits = rp_draw_bits(noise, (uint64_t)p);
    for (int c = 0; c < CHANNELS; c++, bits >>= 10) {
      double triangular = ((int)(bits & 31) - (int)(bits >> 5 & 31)) / 31.0;
      double value = image->pixels[c][p / SIDE][p % SIDE] + NOISE * triangular;
      bytes[c * PLANE + p] = (uint8_t)(fmin(fmax(value, 0), 255) + 0.5);
    }
  }
}

static void draw_image(uint64_t seed, rp_part set, uint32_t index, int label, uint8_t *bytes) {
  /* Labels take turns, so that an image and its second shot are N_CLASSES apart. */
  uint32_t shot = set == RP_TRAIN ? index / (2 * N_CLASSES) * N_CLASSES + index % N_CLASSES : index;
  draws scene = {.stream = rp_stream_of(seed, RP_DRAW_SHAPES, (uint32_t)set, shot, DRAWS_SCENE, 0)};
  rp_stream noise = rp_stream_of(seed, RP_DRAW_SHAPES, (uint32_t)set, index, DRAWS_NOISE, 0);
  canvas image;
  colour ground = paint_ground(&image, &scene);
  uint32_t n_behind = below(&scene, MOST_BEHIND + 1), n_before = below(&scene, MOST_BEFORE + 1);
  scatter_decoys(&image, n_behind, &ground, &scene);
  colour ink = ink_on(&ground, &scene);
  frame where = any_frame(&scene, MARGIN, LEAST_RADIUS, MOST_RADIUS);
  paint(&image, CLASSES[label], &where, &ink);
  scatter_decoys(&image, n_before, &ground, &scene);
  round_with_noise(&image, &noise, bytes);
}

/* Generates one set; classes take turns, so that they are equally frequent. Adds it to the digest under `name`. */
static rp_status generate(uint64_t seed, rp_part set, uint8_t *pixels, const char *name, rp_images *images, rp_digest *digest,
                          rp_error *err) {
  for (uint32_t i = 0; i < images->n; i++) {
    uint8_t *image = pixels + (size_t)i * IMAGE_BYTES;
    images->images[i] = image;
    images->labels[i] = (uint8_t)(i % N_CLASSES);
    draw_image(seed, set, i, images->labels[i], image);
  }
  RP_TRY(rp_images_sort(images, IMAGE_BYTES, err));
  rp_images_digest(images, name, IMAGE_BYTES, digest);
  return RP_OK;
}

static rp_status load(const rp_data_options *options, rp_dataset *out, rp_error *err) {
  static const char *const NAMES[RP_N_PARTS] = {"train", "validation", "test"};
  const uint32_t n[RP_N_PARTS] = {options->train ? options->train : DEFAULT_TRAIN, options->validation,
                                  options->test ? options->test : DEFAULT_TEST};
  size_t total = 0;
  for (int set = 0; set < RP_N_PARTS; set++) {
    if (n[set] > MOST_IMAGES)
      return rp_fail(err, RP_EDATA, "data.%s: %u is more than the %d images that shapes generates at most", NAMES[set], n[set],
                     MOST_IMAGES);
    total += n[set];
  }
  rp_data_storage *storage;
  RP_TRY(rp_allocate(1, sizeof *storage, &storage, err));
  out->storage = storage;
  RP_TRY(rp_allocate(total, IMAGE_BYTES, &storage->pixels[0], err));
  RP_CLEANUP(rp_digest_free) rp_digest *digest = NULL;
  RP_TRY(rp_digest_start("dataset", &digest, err));
  uint8_t *pixels = storage->pixels[0];
  for (int set = 0; set < RP_N_PARTS; set++) {
    rp_images *images = &storage->parts[set];
    RP_TRY(rp_images_allocate(n[set], images, err));
    RP_TRY(generate(options->split_seed, (rp_part)set, pixels, NAMES[set], images, digest, err));
    pixels += (size_t)n[set] * IMAGE_BYTES;
  }
  out->digest = rp_digest_finish(digest);
  digest = NULL;
  rp_images_statistics(&storage->parts[RP_TRAIN], CHANNELS, PLANE, out->mean, out->deviation);
  return RP_OK;
}

rp_status rp_shapes_open(const rp_data_options *options, rp_dataset *out, rp_error *err) {
  *out = (rp_dataset){.channels = CHANNELS, .height = SIDE, .width = SIDE, .n_classes = N_CLASSES, .split_seed = options->split_seed};
  rp_status status = load(options, out, err);
  if (status == RP_OK)
    rp_dataset_show_parts(out);
  else
    rp_dataset_close(out);
  return status;
}
