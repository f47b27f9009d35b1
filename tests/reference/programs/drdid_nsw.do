* Status: the two commands of the published log; not run. The numbers in drdid_nsw.json were copied
* from the printed output, which stands as a comment in test_drdid.do of the repository
* friosavila/csdid_drdid, with the digits that Stata shows there (its version is not printed).
*
* Rows of that output: dr is dripw, drimp is drimp, reg is reg, ipw is stdipw (weights normalized).
* lalonde.dta is the data file of the drdid package; nsw_cps.parquet holds the rows used here.

use lalonde, clear
local xvar age educ black married nodegree hisp re74
drdid re `xvar' if treated==0 | sample==2, time(year) tr(experimental) all
drdid re `xvar' if treated==0 | sample==2, ivar(id) time(year) tr(experimental) all
