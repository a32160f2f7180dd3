/* augment.c: draws first, pixels after: what was drawn is a value that tests can look at. */
#include "core/data/augment.h"

#include "core/base/draws.h"

#include <string.h>

/* Numbers of an image's stream. Part of what decides results: they never change. */
enum { DRAW_FLIP, DRAW_CROP_ROW, DRAW_CROP_COLUMN, DRAW_HOLE_ROW, DRAW_HOLE_COLUMN };

rp_status rp_augmentation_check(const rp_augmentation *how, int height, int width, rp_error *err) {
  int shorter = height < width ? height : width;
  if (how->crop < 0 || how->crop >= shorter)
    return rp_fail(err, RP_EINPUT, "crop: %d pixels of padding around images of %d×%d; 0 to %d can be cropped away", how->crop, height,
                   width, shorter - 1);
  if (how->cutout < 0 || how->cutout > shorter)
    return rp_fail(err, RP_EINPUT, "cutout: a square of %d pixels in images of %d×%d; its side is 0 to %d", how->cutout, height, width,
                   shorter);
  return RP_OK;
}

int rp_augmentation_is_none(const rp_augmentation *how) {
  return !how->flip && how->crop == 0 && how->cutout == 0;
}

rp_placement rp_augmentation_draw(const rp_augmentation *how, uint64_t seed, uint32_t epoch, uint32_t index, int height, int width) {
  rp_stream stream = rp_stream_of(seed, RP_DRAW_AUGMENT, epoch, index, 0, 0);
  rp_placement drawn = {.hole_side = how->cutout};
  uint32_t n_places = 2 * (uint32_t)how->crop + 1;
  drawn.is_flipped = how->flip && rp_draw_below(&stream, DRAW_FLIP, 2);
  drawn.down = (int)rp_draw_below(&stream, DRAW_CROP_ROW, n_places) - how->crop;
  drawn.right = (int)rp_draw_below(&stream, DRAW_CROP_COLUMN, n_places) - how->crop;
  if (how->cutout == 0) return drawn;
  drawn.hole_top = (int)rp_draw_below(&stream, DRAW_HOLE_ROW, (uint32_t)height) - how->cutout / 2;
  drawn.hole_left = (int)rp_draw_below(&stream, DRAW_HOLE_COLUMN, (uint32_t)width) - how->cutout / 2;
  return drawn;
}

static void clear(float *from, int n) {
  if (n > 0) memset(from, 0, (size_t)n * sizeof *from);
}

/* row[x] = row[x + right], 0 where that lies outside. */
static void shift_row(float *row, int width, int right) {
  int size = right < 0 ? -right : right, kept = width - size;
  if (kept > 0) memmove(right < 0 ? row + size : row, right < 0 ? row : row + size, (size_t)kept * sizeof *row);
  clear(right < 0 ? row : row + (kept > 0 ? kept : 0), size < width ? size : width);
}

/* The same for rows: each is read before it is written over. */
static void shift_plane(float *plane, int height, int width, int down, int right) {
  for (int i = 0; i < height; i++) {
    int row = down < 0 ? height - 1 - i : i, from = row + down;
    float *to = plane + (size_t)row * (size_t)width;
    if (from < 0 || from >= height) {
      clear(to, width);
      continue;
    }
    if (down != 0) memcpy(to, plane + (size_t)from * (size_t)width, (size_t)width * sizeof *to);
    shift_row(to, width, right);
  }
}

static void flip_plane(float *plane, int height, int width) {
  for (int row = 0; row < height; row++, plane += width)
    for (int left = 0, right = width - 1; left < right; left++, right--) {
      float swapped = plane[left];
      plane[left] = plane[right];
      plane[right] = swapped;
    }
}

static void cut_hole(float *plane, int height, int width, const rp_placement *placement) {
  int top = placement->hole_top, bottom = top + placement->hole_side, left = placement->hole_left, right = left + placement->hole_side;
  if (left < 0) left = 0;
  if (right > width) right = width;
  for (int row = top < 0 ? 0 : top; row < bottom && row < height; row++) clear(plane + (size_t)row * (size_t)width + left, right - left);
}

void rp_augmentation_apply(const rp_placement *placement, int channels, int height, int width, float *image) {
  for (int c = 0; c < channels; c++, image += (size_t)height * (size_t)width) {
    if (placement->down || placement->right) shift_plane(image, height, width, placement->down, placement->right);
    if (placement->is_flipped) flip_plane(image, height, width);
    if (placement->hole_side) cut_hole(image, height, width, placement);
  }
}
