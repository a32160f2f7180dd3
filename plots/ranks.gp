# ranks.gp: how one criterion ranks the filters of a net against each of the others. Above it stand: width, height (points); $points (one index per
# panel and fate: rank on x, rank on y), n_panels, n_columns, n_rows, n_fates, last_rank, title[], agreement[], x_label,
# the legend's arrays (a dash is a point type here), and in points:
# `below`, the height of legend and captions, `axis`, of the labels under the lowest row, `panel`, of a panel's side, `head`, of its title, `gap`, between rows.

x(points) = 1.0 * points / width
y(points) = 1.0 * points / height
left = 34.0
step_x = (width - left - 8 - panel) / (n_columns - 1)
shrink = last_rank > 150 ? sqrt(150.0 / last_rank) : 1
size(fate) = (fate == 1 ? 0.22 : 0.36) * (shrink < 0.35 ? 0.35 : shrink)

set border 3 lw 0.75
set tics nomirror out scale 0.4
set xtics offset 0, 0.3
set ytics offset 0.6, 0
unset key
set xrange [0:last_rank + 1]
set yrange [0:last_rank + 1]
tick = last_rank > 3000 ? 2000 : last_rank > 1500 ? 1000 : last_rank > 600 ? 500 : last_rank > 300 ? 200 : last_rank > 150 ? 100 : last_rank > 60 ? 50 : last_rank > 30 ? 20 : last_rank > 12 ? 10 : 4
set xtics tick
set ytics tick
set multiplot

do for [i = 1:n_legend] {
  set label 4000 + i legend_text[i] at screen x(legend_x[i] + sample), screen y(legend_y[i]) left
  set label 3000 + i '' at screen x(legend_x[i] + (sample - 4) / 2.0), screen y(legend_y[i]) point pt legend_dash[i] ps i == 1 ? 0.44 : 0.72 lc rgb legend_colour[i]
}
do for [i = 1:n_caption] { set label 5000 + i caption_text[i] at screen x(8), screen y(caption_y[i]) left }
set label 9001 'rank by the other criterion' at screen x(7), screen y(below + axis + (n_rows * (panel + head) + (n_rows - 1) * gap) / 2.0) center rotate
set label 9002 'rank by '.x_label at screen x(left + (n_columns - 1) * step_x / 2.0 + panel / 2.0), screen y(below + 5) center

do for [i = 1:n_panels] {
  column = (i - 1) % n_columns
  row = (i - 1) / n_columns
  bottom = below + axis + (n_rows - 1 - row) * (panel + head + gap)
  set lmargin at screen x(left + column * step_x)
  set rmargin at screen x(left + column * step_x + panel)
  set bmargin at screen y(bottom)
  set tmargin at screen y(bottom + panel)
  is_lowest = i + n_columns > n_panels
  if (is_lowest) { set format x '%g' } else { set format x '' }
  if (column == 0) { set format y '%g' } else { set format y '' }
  set label 9003 title[i] at screen x(left + column * step_x), screen y(bottom + panel + 15) left
  set label 9004 agreement[i] at screen x(left + column * step_x), screen y(bottom + panel + 6) left tc rgb '#606060'
  plot for [fate = 1:n_fates] $points index (i - 1) * n_fates + fate - 1 using 1:2 with points pt legend_dash[fate] ps size(fate) lc rgb legend_colour[fate]
  do for [j = 1:n_legend] { unset label 3000 + j; unset label 4000 + j }
  do for [j = 1:n_caption] { unset label 5000 + j }
  unset label 9001
  unset label 9002
}

unset multiplot
