# ranks.gp: how one criterion ranks the filters of a net against each of the others. Above it stand: width, height (points); $points (one index per
# panel and fate: rank on x, rank on y), n_panels, n_columns, n_fates, last_rank, agreement[], panel_x[], panel_y[] (a panel's left edge; its lower edge
# over that of the lowest row), n_titles, title[], title_panel[], title_up[] (lines of the panels' titles, and how far they are above their panel), x_title, y_title,
# the legend's arrays (a dash is a point type here), and in points:
# `below`, the height of legend and captions, `axis`, of the labels under the lowest row, `side`, of a panel, `panels_width`, `panels_height`, of all of them.

x(points) = 1.0 * points / width
y(points) = 1.0 * points / height
bottom(panel) = below + axis + panel_y[panel]
crowd = sqrt(150.0 / last_rank) * side / 58
size(fate) = (fate == 1 ? 0.2 : 0.36) * (crowd < 0.35 ? 0.35 : crowd > 1 ? 1 : crowd)

set border 3 lw 0.75
set tics nomirror out scale 0.4
set xtics offset 0, 0.3
set ytics offset 0.6, 0
unset key
set xrange [0:last_rank + 1]
set yrange [0:last_rank + 1]
span = last_rank * 58 / side
tick = span > 3000 ? 2000 : span > 1500 ? 1000 : span > 600 ? 500 : span > 300 ? 200 : span > 150 ? 100 : span > 100 ? 50 : span > 50 ? 40 : span > 30 ? 20 : span > 12 ? 10 : span > 4 ? 4 : 1
set xtics tick
set ytics tick
set multiplot

do for [i = 1:n_legend] {
  set label 4000 + i legend_text[i] at screen x(legend_x[i] + sample), screen y(legend_y[i]) left
  set label 3000 + i '' at screen x(legend_x[i] + (sample - 4) / 2.0), screen y(legend_y[i]) point pt legend_dash[i] ps i == 1 ? 0.3 : 0.72 lc rgb legend_colour[i]
}
do for [i = 1:n_caption] { set label 5000 + i caption_text[i] at screen x(8), screen y(caption_y[i]) left }
do for [i = 1:n_titles] { set label 6000 + i title[i] at screen x(panel_x[title_panel[i]]), screen y(bottom(title_panel[i]) + side + title_up[i]) left }
do for [i = 1:n_panels] { set label 7000 + i agreement[i] at screen x(panel_x[i]), screen y(bottom(i) + side + 6) left tc rgb '#606060' }
set label 9001 y_title at screen x(panel_x[1] - 27), screen y(below + axis + panels_height / 2.0) center rotate
set label 9002 x_title at screen x(panel_x[1] + panels_width / 2.0), screen y(below + 6) center

do for [i = 1:n_panels] {
  set lmargin at screen x(panel_x[i])
  set rmargin at screen x(panel_x[i] + side)
  set bmargin at screen y(bottom(i))
  set tmargin at screen y(bottom(i) + side)
  if (i + n_columns > n_panels) { set format x '%g' } else { set format x '' }
  if ((i - 1) % n_columns == 0) { set format y '%g' } else { set format y '' }
  plot for [fate = 1:n_fates] $points index (i - 1) * n_fates + fate - 1 using 1:2 with points pt legend_dash[fate] ps size(fate) lc rgb legend_colour[fate]
  unset label
}

unset multiplot
