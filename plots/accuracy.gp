# accuracy.gp: accuracy per epoch. Above it stand: width, height (points); $arms (one index per arm: epoch, then mean, min, max of train and of test accuracy),
# $published_PANEL_SERIES (epoch, accuracy), n_arms, paper, last_epoch, n_phases, phase_from[], phase_to[], phase_colour, the legend's arrays, and `below`,
# the height of legend and captions. Accuracies are in %. lowest_PANEL: lowest accuracy once the first twentieth of the run, whose steep rise would take most of
# the height, is over: the axis starts there.

panel = 100; axis = 22; gap = 8
x(points) = 1.0 * points / width
y(points) = 1.0 * points / height

set border 3 lw 0.75
set tics nomirror out scale 0.4
set xtics offset 0, 0.3
set ytics offset 0.6, 0
set grid ytics lc rgb '#e6e6e6' lw 0.5 lt 1
unset key
set style fill transparent solid 0.25 noborder
set lmargin at screen x(32)
set rmargin at screen x(width - 9)
low(value) = 5 * floor(value / 5.0)
set xrange [last_epoch > 1 ? 1 : 0 : last_epoch > 1 ? last_epoch : 2]
if (last_epoch <= 10) { set xtics 1 }
do for [i = 1:n_phases] {
  set object i rectangle from phase_from[i], graph 0 to phase_to[i], graph 1 behind fc rgb phase_colour fs transparent solid 0.55 noborder
}

set multiplot

set tmargin at screen y(below + axis + 2 * panel + gap)
set bmargin at screen y(below + axis + panel + gap)
set format x ''
set label 9001 'train accuracy (%)' at screen x(7), graph 0.5 center rotate
set yrange [low(lowest_train):*]
plot for [i = 1:n_arms] $arms index i - 1 using 1:3:4 with filledcurves lc rgb legend_colour[i], \
  for [i = 1:paper] $published_train_standard using 1:2 with lines lc rgb '#707070' dt 3 lw 1, \
  for [i = 1:paper] $published_train_repr_oracle using 1:2 with lines lc rgb '#707070' dt 2 lw 1, \
  for [i = 1:n_arms] $arms index i - 1 using 1:2 with lines lc rgb legend_colour[i] dt legend_dash[i] lw 1.1, \
  for [i = 1:last_epoch == 1 ? n_arms : 0] $arms index i - 1 using 1:2 with points pt 7 ps 0.5 lc rgb legend_colour[i]

do for [i = 1:n_legend] {
  ly = y(legend_y[i])
  if (legend_kind[i] == 1) {
    set arrow i from screen x(legend_x[i]), screen ly to screen x(legend_x[i] + sample - 4), screen ly nohead lc rgb legend_colour[i] dt legend_dash[i] lw 1.1
  } else {
    set object 1000 + i rectangle from screen x(legend_x[i]), screen y(legend_y[i] - 3) to screen x(legend_x[i] + sample - 4), screen y(legend_y[i] + 3) \
      fc rgb legend_colour[i] fs transparent solid 0.55 noborder
  }
  set label i legend_text[i] at screen x(legend_x[i] + sample), screen ly left
}
do for [i = 1:n_caption] { set label 1000 + i caption_text[i] at screen x(8), screen y(caption_y[i]) left }

set tmargin at screen y(below + axis + panel)
set bmargin at screen y(below + axis)
set format x '%g'
set xlabel 'epoch' offset 0, 0.9
set label 9001 'test accuracy (%)' at screen x(7), graph 0.5 center rotate
set yrange [low(lowest_test):*]
plot for [i = 1:n_arms] $arms index i - 1 using 1:6:7 with filledcurves lc rgb legend_colour[i], \
  for [i = 1:paper] $published_test_standard using 1:2 with lines lc rgb '#707070' dt 3 lw 1, \
  for [i = 1:paper] $published_test_repr_oracle using 1:2 with lines lc rgb '#707070' dt 2 lw 1, \
  for [i = 1:n_arms] $arms index i - 1 using 1:5 with lines lc rgb legend_colour[i] dt legend_dash[i] lw 1.1, \
  for [i = 1:last_epoch == 1 ? n_arms : 0] $arms index i - 1 using 1:5 with points pt 7 ps 0.5 lc rgb legend_colour[i]

unset multiplot
