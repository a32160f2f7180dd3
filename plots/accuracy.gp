# accuracy.gp: accuracy per epoch. Above it stand: width, height (points); $arms (one index per arm: epoch, then mean, min, max of train and of test accuracy), $ends (likewise, the last epoch),
# $published_PANEL_SERIES (epoch, accuracy), n_arms, paper, last_epoch, n_phases, phase_from[], phase_to[], phase_colour, the legend's arrays, and `below`,
# the height of legend and captions; `bands`, `bars`: how ranges over seeds are shown, or 0. Accuracies are in %. highest_PANEL: the highest accuracy; lowest_PANEL:
# the lowest once the first twentieth of the run, whose steep rise would take most of the height, is over: the axis starts there.

panel = 100; axis = 22; gap = 8
side = bars ? 5 * n_arms + 3 : 0
x(points) = 1.0 * points / width
y(points) = 1.0 * points / height

set border 3 lw 0.75
set tics nomirror out scale 0.4
set xtics nomirror out scale 0.4 offset 0, 0.3
set ytics offset 0.6, 0
set grid ytics lc rgb '#e6e6e6' lw 0.5 lt 1
unset key
set dashtype 6 (9, 3)
set style fill transparent solid 0.25 noborder
low(value) = value < 0.5 ? 0 : 5 * floor((value - 0.5) / 5.0) # at least half a percent below a line
high(lowest, highest) = highest > low(lowest) ? highest + 0.03 * (highest - low(lowest)) : low(lowest) + 5
from_epoch = last_epoch > 1 ? 1 : 0
to_epoch = last_epoch > 1 ? last_epoch : 2
every_epoch = last_epoch <= 10
if (every_epoch) { set xtics 1 }

# Bars of an arm: every so many epochs, no two arms' at the same one.
period = n_arms > last_epoch / 6 ? n_arms : last_epoch / 6
has_bar(epoch, arm) = int(epoch) % period == (arm * period / n_arms) % period ? epoch : NaN

set multiplot

do for [is_test = 0:1] {
  mean = is_test ? 5 : 2
  lowest = is_test ? lowest_test : lowest_train
  highest = is_test ? highest_test : highest_train
  set tmargin at screen y(below + axis + (is_test ? panel : 2 * panel + gap))
  set bmargin at screen y(below + axis + (is_test ? 0 : panel + gap))
  set lmargin at screen x(32)
  set rmargin at screen x(width - 9 - side)
  if (is_test) { set format x '%g' } else { set format x '' }
  set label 9001 (is_test ? 'test accuracy (%)' : 'train accuracy (%)') at screen x(7), graph 0.5 center rotate
  set xrange [from_epoch:to_epoch]
  set yrange [low(lowest):high(lowest, highest)]
  do for [i = 1:n_phases] {
    set object i rectangle from phase_from[i], graph 0 to phase_to[i], graph 1 behind fc rgb phase_colour fs transparent solid 0.55 noborder
  }
  if (is_test) {
    set label 9002 'epoch' at screen x(32 + (width - 41 - side) / 2), screen y(below + 5) center
    do for [i = 1:n_legend] {
      ly = y(legend_y[i])
      if (legend_kind[i] == 1) {
        # No two widths are equal: the SVG terminal takes lines of one width and colour for lines of one dash type.
        set arrow i from screen x(legend_x[i]), screen ly to screen x(legend_x[i] + sample - 4), screen ly nohead lc rgb legend_colour[i] dt legend_dash[i] lw 1.1 + 0.01 * i
      } else {
        set object 1000 + i rectangle from screen x(legend_x[i]), screen y(legend_y[i] - 3) to screen x(legend_x[i] + sample - 4), screen y(legend_y[i] + 3) \
          fc rgb legend_colour[i] fs transparent solid 0.55 noborder
      }
      set label i legend_text[i] at screen x(legend_x[i] + sample), screen ly left
    }
    do for [i = 1:n_caption] { set label 1000 + i caption_text[i] at screen x(8), screen y(caption_y[i]) left }
  }
  plot for [i = 1:bands * n_arms] $arms index i - 1 using 1:(column(mean + 1)):(column(mean + 2)) with filledcurves lc rgb legend_colour[i], \
    for [i = 1:bars * n_arms] $arms index i - 1 using (has_bar($1, i)):(column(mean + 1)):(0):(column(mean + 2) - column(mean + 1)) with vectors nohead lc rgb legend_colour[i] lw 0.7, \
    for [i = 1:paper * !is_test] $published_train_standard using 1:2 with lines lc rgb '#707070' dt 3 lw 1, \
    for [i = 1:paper * !is_test] $published_train_repr_oracle using 1:2 with lines lc rgb '#707070' dt 2 lw 1, \
    for [i = 1:paper * is_test] $published_test_standard using 1:2 with lines lc rgb '#707070' dt 3 lw 1, \
    for [i = 1:paper * is_test] $published_test_repr_oracle using 1:2 with lines lc rgb '#707070' dt 2 lw 1, \
    for [i = 1:n_arms] $arms index i - 1 using 1:mean with lines lc rgb legend_colour[i] dt legend_dash[i] lw 1.1, \
    for [i = 1:last_epoch == 1 ? n_arms : 0] $arms index i - 1 using 1:mean with points pt 7 ps 0.5 lc rgb legend_colour[i]
  if (bars) {
    unset label; unset arrow; unset object; unset xtics; set border 0
    set ytics scale 0 format ''
    set lmargin at screen x(width - 9 - side)
    set rmargin at screen x(width - 9)
    set xrange [0.2:n_arms + 0.5]
    plot for [i = 1:n_arms] $ends index i - 1 using (i):(column(mean + 1)):(0):(column(mean + 2) - column(mean + 1)) with vectors nohead lc rgb legend_colour[i] lw 1, \
      for [i = 1:n_arms] $ends index i - 1 using (i):mean with points pt 7 ps 0.35 lc rgb legend_colour[i]
    set border 3; set ytics scale 0.4 format '%g'; set xtics nomirror out scale 0.4 offset 0, 0.3
    if (every_epoch) { set xtics 1 }
  }
}

unset multiplot
