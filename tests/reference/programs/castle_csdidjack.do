* Status: reconstructed from the specification in ../README.md; not run.
*
* Prints the rows of Stata in castle_didjack.json: Stata 18, csdid 1.81, csdidjack 0.5.2 (9906b28).
* Run it in the folder of data/castle.csv. csdidjack has no agg(event), so there is no dynamic row.
*
* Not known: whether long2, csdid's universal base, was given. It concerns cells before treatment
* only, which simple, group and calendar do not use.

version 18
clear all
import delimited using castle.csv, case(preserve)
set linesize 255

program define row
    args spec agg extra
    if "`spec'" == "wt" local weight "[iw=popwt]"
    quietly csdid l_homicide `weight', ivar(sid) time(year) gvar(gvar) method(reg) ///
        agg(`agg') cluster(sid) long2 `extra'
    csdidjack
    display "`spec' `extra' `agg'"
    display %21.15g cv3se "  df " %3.0f cv3df
    matrix A = r(atts)
    forvalues i = 1/`=rowsof(A)' {
        display %21.15g A[`i', 1]
    }
end

foreach extra in "" "notyet" {
    foreach spec in unw wt {
        foreach agg in simple group calendar {
            row `spec' `agg' `extra'
        }
    }
}
