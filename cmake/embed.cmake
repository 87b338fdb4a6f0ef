# embed_folder(TARGET table.c FOLDER suffix name): makes a C table {name, text, bytes} of the files of
# a folder, sorted by name, so that SQL and shell live in files of their own kind and ship in the program.
function(embed_folder output folder suffix name)
    file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.${suffix})
    add_custom_command(OUTPUT ${output}
        COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} -DFOLDER=${CMAKE_SOURCE_DIR}/${folder} -DSUFFIX=${suffix}
                -DNAME=${name} -P ${CMAKE_SOURCE_DIR}/cmake/embed_run.cmake
        DEPENDS ${files} ${CMAKE_SOURCE_DIR}/cmake/embed_run.cmake VERBATIM)
endfunction()
